"""The options for processes and machines: each wrong use is one clear sentence."""

from pathlib import Path

import pytest

from loadtest.cli.machines import spread
from loadtest.errors import UsageError
from loadtest.workload.spec import Cluster, Spread


def files(folder: Path) -> tuple[Path, Path, Path]:
    made = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    for file in made:
        file.write_text("x")
    return made


def test_without_options_this_process_places_all_orders() -> None:
    assert spread(None, None, None, None, None).alone
    assert spread("1", None, None, None, None).alone


@pytest.mark.parametrize("number", [2, 9, 256])
def test_so_many_processes_as_are_asked_for(number: int) -> None:
    assert spread(str(number), None, None, None, None) == Spread(processes=number)


def test_auto_is_one_process_a_core() -> None:
    assert 1 <= spread("auto", None, None, None, None).processes <= 4096


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-1",
        "1e9",
        "1000000000",
        "9" * 5_000,
        "257",
        "",
        "two",
        "1.5",
        " 2",
        "٢",
        "²",
        "00",
        "AUTO",
        "000000001234",
    ],
)
def test_no_number_of_processes(number: str) -> None:
    with pytest.raises(UsageError, match="is neither auto nor a number from 1 to 256") as raised:
        spread(number, None, None, None, None)
    assert len(str(raised.value)) < 200
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("address", ["http://x:8786", "", "scheduler:8786", "TCP://x:1", "ucx://x:8786", "tcp:/x"])
def test_no_address_of_a_scheduler(address: str) -> None:
    with pytest.raises(UsageError, match="is no address like tls://"):
        spread(None, address, None, None, None)


@pytest.mark.parametrize(
    "address", ["tcp://", "tcp://host", "tcp://:8786", "tcp://host:", "tcp://host:port", "tcp://host:0", "tcp://h:65536",
                "tcp://h:1:2", "tcp://a b:8786", "tcp://host:8786/path", "tcp://[::1", "tcp://host:٨"]
)  # fmt: skip
def test_an_address_needs_a_host_and_a_port(address: str) -> None:
    with pytest.raises(UsageError, match="is no address like tls://"):
        spread(None, address, None, None, None)


@pytest.mark.parametrize(
    ("address", "insecure"),
    [("tcp://127.0.0.1:8786", False), ("tcp://[::1]:8786", False), ("tcp://scheduler.example:1", True)],
)
def test_a_plain_cluster(address: str, insecure: bool) -> None:
    found = spread(None, address, None, None, None, insecure=insecure)
    assert found == Spread(cluster=Cluster(address=address))
    assert not found.alone


def test_a_cluster_with_tls(tmp_path: Path) -> None:
    authorities, certificate, key = files(tmp_path)
    assert spread(None, "tls://scheduler:8786", authorities, certificate, key).cluster == Cluster(
        address="tls://scheduler:8786", authorities=str(authorities), certificate=str(certificate), key=str(key)
    )


def test_what_is_insecure_is_so_for_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--cluster-insecure goes with --cluster"):
        spread(None, None, None, None, None, insecure=True)
    with pytest.raises(UsageError, match="--cluster-insecure goes with tcp://"):
        spread(None, "tls://scheduler:8786", *files(tmp_path), insecure=True)


def test_processes_and_cluster_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="--processes does not go with --cluster"):
        spread("2", "tcp://127.0.0.1:8786", None, None, None)


@pytest.mark.parametrize(("given", "named"), [(0, "--cluster-ca"), (1, "--cluster-cert"), (2, "--cluster-key")])
def test_files_for_tls_go_with_a_cluster_that_has_it(given: int, named: str, tmp_path: Path) -> None:
    chosen = [file if n == given else None for n, file in enumerate(files(tmp_path))]
    with pytest.raises(UsageError, match=f"{named} goes with --cluster"):
        spread(None, None, *chosen)
    with pytest.raises(UsageError, match=f"{named}.* goes? with tls://"):
        spread(None, "tcp://127.0.0.1:8786", *chosen)


@pytest.mark.parametrize(("lacking", "named"), [(0, "--cluster-ca"), (1, "--cluster-cert"), (2, "--cluster-key")])
def test_tls_needs_all_its_files_and_names_those_that_lack(lacking: int, named: str, tmp_path: Path) -> None:
    chosen = [None if n == lacking else file for n, file in enumerate(files(tmp_path))]
    with pytest.raises(UsageError, match=f"^tls:// needs {named}$"):
        spread(None, "tls://scheduler:8786", *chosen)


def test_tls_without_any_file_names_all_three() -> None:
    with pytest.raises(UsageError, match="needs --cluster-ca and --cluster-cert and --cluster-key"):
        spread(None, "tls://scheduler:8786", None, None, None)


@pytest.mark.parametrize(("number", "named"), [(0, "--cluster-ca"), (1, "--cluster-cert"), (2, "--cluster-key")])
@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_named_with_its_option(
    number: int, named: str, kind: str, tmp_path: Path
) -> None:
    chosen = list(files(tmp_path))
    chosen[number] = tmp_path / "none.pem" if kind == "missing" else tmp_path
    with pytest.raises(UsageError, match=f"^{named}: cannot read .*: (No such file|Is a directory)"):
        spread(None, "tls://scheduler:8786", *chosen)
