"""The fleet's containers as they start: certificates, entrypoint, a real scheduler and worker, image, manifest."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Cli, free_port, missing, wait_until_listening
from tests.helpers.sound_verdicts import is_sound

FLEET = ROOT / "infra/fleet"
# Stands in for dask: says what it was started with.
FAKE_DASK = """#!{python}
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ)]))
"""
# A client that lets a worker say which rules hold; arguments: address, CA, certificate, key.
CLIENT = """
import json, sys
from distributed import Client
from distributed.security import Security
address, ca, certificate, key = sys.argv[1:]
tls = Security(tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)
with Client(address, security=tls if address.startswith("tls") else None, timeout=20) as client:
    client.wait_for_workers(1, timeout=20)
    [here] = client.run(lambda: [name for name in __import__("os").environ if name.startswith("TLS_")]).values()
    rules = client.run_on_scheduler(lambda dask_scheduler: [dask_scheduler.allowed_failures, dask_scheduler.worker_ttl])
    print(json.dumps([client.submit(lambda: 6 * 7).result(), here, rules]))
"""


def certify(folder: Path) -> Path:
    subprocess.run([FLEET / "certificates", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certify(tmp_path_factory.mktemp("certificates") / "ours")


def secrets(certificates: Path, role: str) -> dict[str, str]:
    """The environment that ECS makes of a role's secret."""
    secret = json.loads((certificates / f"{role}.json").read_text())
    return {"TLS_CA": secret["ca"], "TLS_CERTIFICATE": secret["certificate"], "TLS_KEY": secret["key"]}


def entrypoint(*arguments: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TLS_", "DASK_"))}
    return subprocess.run(
        [FLEET / "entrypoint", *arguments],
        env=clean | {"PATH": f"{path}:{os.environ['PATH']}"} | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A folder for PATH with a dask that only tells."""
    dask = tmp_path / "bin/dask"
    dask.parent.mkdir()
    dask.write_text(FAKE_DASK.format(python=sys.executable))
    dask.chmod(0o755)
    return dask.parent


def test_certificates_serve_their_roles_and_keys_are_private(certificates: Path) -> None:
    def verified(role: str, purpose: str) -> bool:
        files = ["-CAfile", str(certificates / "ca.crt"), str(certificates / f"{role}.crt")]
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, *files]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    for role in ("scheduler", "worker"):
        assert verified(role, "sslserver")
        assert verified(role, "sslclient")
        assert json.loads((certificates / f"{role}.json").read_text()) == {
            "ca": (certificates / "ca.crt").read_text(),
            "certificate": (certificates / f"{role}.crt").read_text(),
            "key": (certificates / f"{role}.key").read_text(),
        }
    assert verified("client", "sslclient")
    assert not verified("client", "sslserver")  # nobody poses as a scheduler with it
    assert not any(file.stat().st_mode & 0o077 for file in [certificates, *certificates.iterdir()])


def test_certificates_are_never_overwritten_and_last_as_long_as_asked(certificates: Path, tmp_path: Path) -> None:
    def make(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [FLEET / "certificates", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    before = (certificates / "ca.key").read_text()
    assert make(certificates).returncode == 2
    assert (certificates / "ca.key").read_text() == before
    assert [make(tmp_path / "never", days).returncode for days in ("0", "-1", "a", "1.5")] == [2, 2, 2, 2]
    assert make(tmp_path / "two", "2").returncode == 0
    ends = ["openssl", "x509", "-in", str(tmp_path / "two/client.crt"), "-noout", "-checkend"]
    assert subprocess.run([*ends, str(47 * 3600)], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*ends, str(49 * 3600)], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_the_entrypoint_hides_the_key_and_starts_dask(
    role: str, fake: Path, certificates: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tls"
    address = ["tls://scheduler.internal:8786"] if role == "worker" else []
    given = secrets(certificates, role)
    for _ in range(2):  # a container that is restarted finds the files of the first start
        done = entrypoint(role, *address, "--further", path=fake, TLS_DIR=str(folder), **given)
    assert done.returncode == 0, done.stderr
    arguments, environment = json.loads(done.stdout)
    common = ["--no-dashboard", "--dashboard-address"]
    if role == "scheduler":
        expected = ["scheduler", "--protocol", "tls", "--port", "8786", *common, "127.0.0.1:8787"]
        expected += ["--preload", "loadtest.distributed.dask_roles"]
    else:
        expected = [
            "worker",
            *address,
            "--nthreads",
            "1",
            "--nworkers",
            "1",
            "--no-nanny",
            "--name",
            os.uname().nodename,
        ]
        expected += ["--worker-port", "8788", "--memory-limit", "0", "--local-directory", "/tmp"]
        expected += ["--death-timeout", "60", *common, "127.0.0.1:0"]
    assert arguments == [*expected, "--further"]
    assert {name: value for name, value in environment.items() if name.startswith(("TLS_", "DASK_"))} == {
        "TLS_DIR": str(folder),
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        "DASK_DISTRIBUTED__COMM__TLS__MIN_VERSION": "1.3",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": f"{folder}/ca.crt",
        f"DASK_DISTRIBUTED__COMM__TLS__{role.upper()}__CERT": f"{folder}/tls.crt",
        f"DASK_DISTRIBUTED__COMM__TLS__{role.upper()}__KEY": f"{folder}/tls.key",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
        "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
        "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    for name, text in zip(("ca.crt", "tls.crt", "tls.key"), given.values(), strict=True):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert (folder / name).read_text().strip() == text.strip()


def test_the_entrypoint_takes_a_mounted_secret(fake: Path, tmp_path: Path) -> None:
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (tmp_path / name).write_text(name)
    assert entrypoint("scheduler", path=fake, TLS_DIR=str(tmp_path)).returncode == 0
    assert (tmp_path / "tls.key").read_text() == "tls.key"
    (tmp_path / "tls.key").unlink()
    done = entrypoint("scheduler", path=fake, TLS_DIR=str(tmp_path))
    assert done.returncode == 2
    assert f"{tmp_path}/tls.key cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "why"),
    [
        ([], {}, "the first argument is scheduler or worker"),
        (["client"], {}, "the first argument is scheduler or worker, not 'client'"),
        (["worker"], {}, "a worker needs its scheduler's address"),
        (["worker", "tcp://scheduler:8786"], {}, "tls://HOST:8786, not 'tcp://scheduler:8786'"),
        (["scheduler"], {"TLS_KEY": "k", "TLS_CA": "c"}, "are needed all three"),
        (["scheduler"], {}, "cannot be read"),
    ],
)
def test_the_entrypoint_refuses(
    arguments: list[str], environment: dict[str, str], why: str, fake: Path, tmp_path: Path
) -> None:
    done = entrypoint(*arguments, path=fake, TLS_DIR=str(tmp_path / "none"), **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


@pytest.fixture(scope="module")
def cluster(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real scheduler and worker, started by the entrypoint; its address."""
    if find_spec("distributed") is None:
        missing("the package distributed (extra cluster)")
    running: list[subprocess.Popen[bytes]] = []
    folder = tmp_path_factory.mktemp("cluster")

    def start(role: str, port: int, *arguments: str) -> None:
        environment = os.environ | secrets(certificates, role) | {"TLS_DIR": str(folder / role)}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        command = [
            str(FLEET / "entrypoint"),
            role,
            *arguments,
            "--host",
            "127.0.0.1",
            "--dashboard-address",
            "127.0.0.1:0",
        ]
        with (folder / f"{role}.log").open("wb") as log:
            running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        wait_until_listening(running[-1], port)

    try:
        port, worker = free_port(), free_port()
        start("scheduler", port, "--port", str(port))
        start("worker", worker, f"tls://127.0.0.1:{port}", "--worker-port", str(worker))
        yield f"tls://127.0.0.1:{port}"
    finally:
        for process in reversed(running):  # a worker that loses its scheduler while it stops would hang
            process.terminate()
            process.wait(20)


def test_a_client_with_our_certificate_is_served_and_others_are_refused(
    cluster: str, certificates: Path, tmp_path: Path
) -> None:
    def client(address: str, ca: Path, own: Path) -> subprocess.CompletedProcess[str]:
        files = [str(file) for file in (ca / "ca.crt", own / "client.crt", own / "client.key")]
        command = [sys.executable, "-c", CLIENT, address, *files]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    served = client(cluster, certificates, certificates)
    assert served.returncode == 0, served.stderr
    assert json.loads(served.stdout) == [42, ["TLS_DIR"], [0, 5]]  # no key in a worker's environment
    other = certify(tmp_path / "other")
    for refused in (
        client(cluster, other, other),  # their authority does not know our scheduler
        client(cluster, certificates, other),  # ours does not know their client
        client(cluster.replace("tls://", "tcp://"), certificates, certificates),
    ):
        assert refused.returncode == 1
        assert "CommClosedError" in refused.stderr


@pytest.mark.slow  # Dask starts slowly
def test_with_the_clients_certificate_nobody_becomes_a_worker(cluster: str, certificates: Path, tmp_path: Path) -> None:
    files = {"TLS_CA": "ca.crt", "TLS_CERTIFICATE": "client.crt", "TLS_KEY": "client.key"}
    given = {name: (certificates / file).read_text() for name, file in files.items()}
    local = ("--worker-port", str(free_port()), "--host", "127.0.0.1")
    done = entrypoint("worker", cluster, *local, path=Path(sys.executable).parent, TLS_DIR=str(tmp_path), **given)
    assert done.returncode != 0
    assert "a worker's certificate has the common name 'worker', this one has 'client'" in done.stderr


@pytest.mark.slow  # the race alone takes as long as all that is above
def test_a_race_from_the_fleet_has_one_winner(cluster: str, certificates: Path, cli: Cli) -> None:
    files = {"ca": "ca.crt", "cert": "client.crt", "key": "client.key"}
    options = [word for option, file in files.items() for word in (f"--cluster-{option}", str(certificates / file))]
    done = cli("race", "-n", "20", "--cluster", cluster, *options)
    assert is_sound(done), done.stdout + done.stderr
    assert "1 of 20 orders won the last item; 19 were rejected: " in done.stdout


def test_the_image_is_made_of_files_that_its_build_can_see() -> None:
    lines = (FLEET / "Dockerfile").read_text().splitlines()
    shown = [line[1:] for line in (FLEET / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    copied = [word for words in copies for word in words if not word.startswith("--")]
    assert sorted(copied) == sorted(shown)
    assert all((ROOT / path).exists() for path in copied)
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]


@pytest.fixture(scope="module")
def manifest() -> list[dict[str, Any]]:
    import yaml

    return list(yaml.safe_load_all((FLEET / "kubernetes.yaml").read_text()))


def of_kind(manifest: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {document["metadata"]["name"]: document for document in manifest if document["kind"] == kind}


@pytest.mark.parametrize("version", ["1.28", "1.34"])
def test_the_manifest_is_what_kubernetes_takes(version: str, manifest: list[dict[str, Any]]) -> None:
    if find_spec("kubernetes_validate") is None:
        missing("kubernetes-validate")
    import kubernetes_validate

    for document in manifest:
        kubernetes_validate.validate(document, version, strict=True)
    doctored = json.loads(json.dumps(of_kind(manifest, "Deployment")["loadtest-worker"]))
    doctored["spec"]["template"]["spec"]["securityContext"]["runAsNonroot"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(doctored, version, strict=True)


def test_pods_run_without_rights_and_with_the_settings_that_runs_need(manifest: list[dict[str, Any]]) -> None:
    settings = of_kind(manifest, "ConfigMap")["loadtest-fleet"]["data"]
    assert settings["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    assert settings["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] == "0"
    assert settings["DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"] == "5s"
    for name, deployment in of_kind(manifest, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert not any(pod.get(option) for option in ("hostNetwork", "hostPID", "hostIPC"))
        [container] = pod["containers"]
        own = container["securityContext"]
        assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"] == {"cpu": "1", "memory": container["resources"]["limits"]["memory"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"tls": settings["TLS_DIR"], "tmp": "/tmp"}
        assert pod["volumes"][0]["secret"]["secretName"] == name
    account = of_kind(manifest, "ServiceAccount")["loadtest-worker"]
    assert re.match(r"arn:aws:iam::\d{12}:role/", account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"])


def test_only_the_fleet_and_marked_clients_reach_its_pods(manifest: list[dict[str, Any]]) -> None:
    assert of_kind(manifest, "Service")["loadtest-scheduler"]["spec"]["type"] == "ClusterIP"
    policies = of_kind(manifest, "NetworkPolicy")
    fleet = {"loadtest-scheduler", "loadtest-worker"}
    assert set(of_kind(manifest, "Deployment")) == set(policies) == fleet
    for name, port in (("loadtest-scheduler", 8786), ("loadtest-worker", 8788)):
        pod = of_kind(manifest, "Deployment")[name]["spec"]["template"]
        assert policies[name]["spec"]["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
        assert pod["spec"]["containers"][0]["ports"] == [{"name": "dask", "containerPort": port}]
        assert "Ingress" in policies[name]["spec"]["policyTypes"]
        [rule] = policies[name]["spec"]["ingress"]
        assert rule["ports"] == [{"port": port, "protocol": "TCP"}]
        assert all(set(source) == {"podSelector"} for source in rule["from"])  # pods of this namespace alone
        for source in rule["from"]:
            labels = source["podSelector"]["matchLabels"]
            assert labels == {"loadtest-client": "true"} or labels["app"] in fleet
