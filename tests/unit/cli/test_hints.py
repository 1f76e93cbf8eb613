from pathlib import Path

import pytest

from tests.unit.cli.conftest import Said


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("load --vus 3", "load has no --vus; use --concurrency (-c)"),
        ("load --users=3", "load has no --users; use --concurrency (-c)"),
        ("race --connections 3", "race has no --connections; use --concurrency (-c)"),
        ("compare --clients 3", "compare has no --clients; use --concurrency (-c)"),
        ("load -connections 3", "load has no -connections; use --concurrency (-c)"),
        ("race --requests 3", "race has no --requests; use --number-of-requests (-n)"),
        ("load -n 3", "load has no -n; use --duration (-d)"),
        ("load --rps 3", "load has no --rps; use --rate (-r)"),
        ("load -z 3s", "load has no -z; use --duration (-d)"),
        ("load -t 3", "load has no -t; use --duration (-d) or --processes"),
        ("load -rate=3", "write --rate with two dashes"),
        ("load -duration 3s", "write --duration with two dashes"),
        ("race --timeout 3", "race has no --timeout; use --read-timeout"),
        ("find -c 3", "find has no -c; use --of"),
        ("race --rate 3", "race has no --rate; loadtest load has --rate (-r)"),
        ("race -r 3", "race has no -r; loadtest load has --rate (-r)"),
        ("race --qps 3", "race has no --qps; loadtest load has --rate (-r)"),
        ("race --duration 3", "race has no --duration; loadtest load has --duration (-d)"),
        ("load --rounds 3", "load has no --rounds; loadtest race has it"),
        ("report --csv x", "report has no --csv; loadtest export has it"),
        ("race --round 3", "race has no --round; did you mean --rounds?"),
        ("race --no-gates", "race has no --no-gates; did you mean --no-gate?"),
        ("table create --yess", "table create has no --yess; did you mean --yes?"),
        ("race --zzz", "race has no --zzz"),
        ("race --a\nb", "race has no '--a\\nb'"),
        ("load -c 3 http://127.0.0.1:8000", "load takes no URL by itself; write --endpoint-url before it"),
    ],
)
def test_an_option_that_there_is_not_points_to_the_right_one(typed: str, hint: str, said: Said) -> None:
    command = typed.partition(" -")[0]
    end = " See: " if hint.endswith("?") else ". See: "
    assert said(*typed.split(" ")) == (2, "", f"loadtest: {hint}{end}loadtest {command} --help\n")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("--rate 5", "options stand after the command, as in loadtest load --rate. See: loadtest --help"),
        ("--vus 5 load", "options stand after the command, as in loadtest race --concurrency. See: loadtest --help"),
        ("--verson", "there is no option --verson; did you mean --version? See: loadtest --help"),
        ("rase", "No such command 'rase'. Did you mean 'race'? See: loadtest --help"),
    ],
)
def test_what_stands_before_the_command(typed: str, hint: str, said: Said) -> None:
    assert said(*typed.split()) == (2, "", f"loadtest: {hint}\n")


@pytest.mark.parametrize("value", ["--write-unit-price=5", "--read-unit-price=5", "--backoff=none", "--eventual-reads"])
@pytest.mark.parametrize("command", ["race", "load", "compare", "find"])
def test_an_option_of_files_says_where_it_lives(command: str, value: str, said: Said) -> None:
    code, _, line = said(command, value)
    key = {"--eventual-reads": "consistent-reads"}.get(value, value[2:].partition("=")[0])
    assert code == 2
    assert line == (
        f"loadtest: --{key} is set in a scenario file only: {key} = …, then loadtest run FILE "
        "(docs/reference/scenario.md)\n"
    )


@pytest.mark.parametrize("extra", [[], ["--read-timeout", "soon"], ["--eventual-reads", "--read-timeout", "soon"]])
def test_after_a_file_every_option_may_be_typed(
    extra: list[str], said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sale.toml").write_text('command = "race"\nread-timeout = "later"\nbackoff = "none"\n')
    code, _, line = said("run", "sale.toml", *extra)
    assert code == 2
    assert (
        line
        == f"loadtest: sale.toml: --read-timeout '{'soon' if extra else 'later'}' is no duration like 500ms, "
        + ("30s, 5m or 1m30s\n")
    )


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("load -r 5 -c 3", "--concurrency and --rate contradict one another: orders arrive in one way"),
        ("compare -r 5 -c 3", "--concurrency and --rate contradict one another: orders arrive in one way"),
        ("load --stages 1s:5 -d 3", "--duration does not go with --stages, which say how long they take"),
        (
            "compare -c 3 --workload race -d 3",
            "--duration and --warmup go with --workload load: a race is over when its orders are",
        ),
        (
            "compare -c 3 -n 3",
            "--number-of-requests and --rounds go with --workload race; a load has a --duration (-d)",
        ),
        ("race --within 5", "--within goes with --exclude; --rounds says how often a race is run"),
        ("race --target embedded --endpoint-url http://h:1", "--endpoint-url does not go with --target embedded"),
        (
            "race --processes 2 --cluster tcp://h:1",
            "--processes does not go with --cluster, whose workers are one process each",
        ),
    ],
)
def test_options_that_exclude_one_another_say_so(typed: str, line: str, said: Said) -> None:
    assert said(*typed.split()) == (2, "", f"loadtest: {line}\n")
