"""docs/explanation/performance.md: what was measured, and whether it reaches what the project asks of itself."""

import datetime as dt
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "performance.md"
_PACKAGES = ("aioboto3", "aiobotocore", "aiodynamo", "aiohttp", "uvloop", "httptools", "moto", "granian")


def write_page(figures: dict[str, Any], turns: int) -> None:
    """Write the page and show where it is."""
    sections = [
        _heading(turns),
        _clients(figures["clients"]),
        _beside(figures["beside"]),
        _service_times(figures["service_times"]),
        _memory(figures["memory"]),
        _embedded(figures["embedded"]),
        _sustained(figures["sustained"]),
        _processes(figures["processes"]),
        _differences(figures["differences"]),
        _html(figures["html"]),
        _checking(figures["checking"]),
    ]
    PAGE.write_text("\n".join(sections))
    sys.stdout.write(f"{PAGE}\n")


def _heading(turns: int) -> str:
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in _PACKAGES)
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())  # fmt: skip
    return f"""# Performance

Written by `scripts/bench` on {dt.date.today()}: {os.cpu_count()} × {cpu}, {platform.system()}
{platform.release()}, Python {platform.python_version()}, {versions}.
Figures are medians of {turns} turns in which all that is compared took part one after the other. Absolute figures
drift by machine; compare the ratios. How believable a run on your own machine is, `loadtest calibrate` tells.
"""


def _clients(clients: dict[tuple[int, str], Any]) -> str:
    levels = sorted({in_flight for in_flight, _ in clients})
    names = list(dict.fromkeys(name for _, name in clients))
    rows = []
    for name in names:
        cells = [clients.get((level, name)) for level in levels]
        cpu = " / ".join(f"{cell['cpu_us']:.0f}" if cell else "–" for cell in cells)
        ratio = " / ".join(
            f"{cell['cpu_us'] / clients[level, 'wire']['cpu_us']:.1f}" if cell else "–"
            for level, cell in zip(levels, cells, strict=True)
        )
        speed = " / ".join(f"{cell['operations_per_s']:,.0f}" if cell else "–" for cell in cells)
        rows.append(f"| {name} | {cpu} | {ratio} | {speed} |")
    shipped = [clients[level, "aioboto3"]["cpu_us"] / clients[level, "wire"]["cpu_us"] for level in (100, 1000)]
    aiodynamo = clients[100, "aiodynamo"]["cpu_us"] / clients[100, "wire"]["cpu_us"]
    post = clients[100, "aiohttp POST"]["cpu_us"] / clients[100, "wire"]["cpu_us"]
    return "\n".join([
        "## CPU of the client for one conditional UpdateItem that is refused",
        "",
        "The client on one core, the minimal server (`loadtest/targets/minimal.py`) on the other. wrk sends a mix of",
        "ready-made requests and reads nothing.",
        "",
        f"| client | µs CPU, {' / '.join(f'{level:,}' for level in levels)} in flight | times the wire's | "
        "operations a second |",
        "|---|---|---|---|",
        *rows,
        "",
        "| asked | reached |",
        "|---|---|",
        f"| at most 1/12 of aioboto3 as shipped at 100 in flight | {_verdict(shipped[0], 12)} |",
        f"| at most 1/10 of aioboto3 as shipped at 1,000 in flight | {_verdict(shipped[1], 10)} |",
        f"| at most 1/4 of aiodynamo at 100 in flight | {_verdict(aiodynamo, 4)} |",
        f"| below half of a ready-made aiohttp POST at 100 in flight | {_verdict(post, 2)} |",
        "",
    ])  # fmt: skip


def _verdict(times: float, asked: float) -> str:
    return f"1/{times:.1f}{'' if times >= asked else ' (not reached)'}"


def _beside(ratios: dict[str, float]) -> str:
    wire, shipped = ratios["wire"], ratios["aioboto3"]
    reached = "" if wire <= 1.1 else " (not reached)"
    return f"""## A second process beside the first

CPU for one operation with a second client process beside it, against alone (100 in flight): the wire {wire:.2f}
times{reached}, aioboto3 as shipped {shipped:.2f} times. Asked: within 10 %.
"""


def _service_times(rows: list[tuple[str, Any]]) -> str:
    lines = []
    for title, result in rows:
        cells, right = [], True
        for percent, truth in result["truth"].items():
            reported = result["reported"][percent]
            right = right and abs(reported - truth) <= max(1.0, 0.05 * truth)
            cells.append(f"{truth:.2f} → {reported:.2f}")
        lines.append(f"| {title} | {' | '.join(cells)} | {'yes' if right else 'no'} |")
    return "\n".join([
        "## Reported service time against the truth",
        "",
        "A server holds each answer for 20 ms, or for a log-normal mix around it with one in a hundred ten times as",
        "long, and knows how long it really was: from the kernel's receive time to the write. 1,000 in flight; a busy",
        "loop is one that something else blocks for 5 of every 15 ms. Truth → reported, ms; asked of the wire: within",
        "5 % or 1 ms.",
        "",
        "| client, delay | p50 | p99 | p99.9 | within |",
        "|---|---|---|---|---|",
        *lines,
        "",
    ])  # fmt: skip


def _memory(memory: dict[str, float]) -> str:
    each = memory["bytes_per_order"] / 1000
    reached = "" if each <= 60 else " (not reached)"
    return f"""## Memory

{each:.0f} KB for each order in flight at 10,000 in flight{reached}. Asked: at most 60 KB.
"""


def _embedded(figures: dict[Any, Any]) -> str:
    rows = []
    for connections in (50, 1000):
        if (connections, "granian") in figures:
            granian, fast = figures[connections, "granian"], figures[connections, "embedded"]
            times = fast["operations_per_s"] / granian["operations_per_s"]
            rows.append(
                f"| {connections:,} | {granian['operations_per_s']:,.0f} / {granian['cpu_us']:,.0f} | "
                f"{fast['operations_per_s']:,.0f} / {fast['cpu_us']:,.0f} | "
                f"{times:.2f}{'' if times >= 2.5 else ' (not reached)'} |"
            )
    fair, storm = figures["fair"], figures["storm"]
    return "\n".join([
        "## The embedded server",
        "",
        "wrk with half reads, a quarter accepted and a quarter refused writes. Answers a second / µs of server CPU for",
        "each. Asked: 2.5 times granian's answers.",
        "",
        "| connections | moto behind granian | the embedded server | times |",
        "|---|---|---|---|",
        *rows,
        "",
        f"Of 1,000 connections the least served got {fair['least'] / fair['mean']:.2f} of the mean number of answers",
        f"(asked: half). Of 5,000 opened at once {storm['answered']:,} were answered (asked: all).",
        "",
    ])  # fmt: skip


def _sustained(figures: dict[str, Any]) -> str:
    rate, stall, memory = figures["rate"], figures["stall"], figures["memory"]
    missed = 1 - rate["achieved_per_s"] / rate["due_per_s"]
    in_time = "" if rate["late_p99_ms"] <= 2 else ", not reached"
    late = f"{rate['late_p50_ms']:.2f} ms (p50) and {rate['late_p99_ms']:.2f} ms (p99; asked: 2 ms{in_time})"
    names = {"p50_ms": "p50", "p90_ms": "p90", "p99_ms": "p99", "p999_ms": "p99.9", "max_ms": "max"}
    waited = ", ".join(f"{name} {stall[key]:,.1f} ms" for key, name in names.items())
    fifth_mb, end_mb = memory["resident_at_fifth"] / 1e6, memory["resident_at_end"] / 1e6
    return f"""## Orders by a schedule

{rate["due_per_s"]:,.0f} orders a second, `conditional`, for 20 s on a server that answers after 0.5 ms:
{rate["achieved_per_s"]:,.1f} began each second ({missed:.2%} missed; asked: 1 %), {rate["dropped"]:,} were dropped.
They began {late} after they were due, with {rate["cores"]:.0%} of a core.

500 orders a second for 20 s on a server that answers after 1 ms, and not at all for 1 s. Response time:
{waited}. One order in twenty was due in the stall, so the slowest hundredth
waited at least 0.8 s; a closed loop would have sent almost none of them.

2,000 orders a second for 10 minutes, without a history: {fifth_mb:,.1f} MB after 2 minutes,
{end_mb:,.1f} MB at the end ({end_mb - fifth_mb:+.1f} MB).
"""


def _processes(figures: dict[str, Any]) -> str:
    own, sdk, start, ordinary, judge = (figures[name] for name in ("cpu", "sdk", "start", "start-ordinary", "judge"))
    where = ("network namespaces" if start["namespaces"] else "addresses") + " of their own"
    priority = ", with real-time priority around an instant," * start["urgent"]
    peak_bytes = judge["peak_bytes"] + judge["judge_peak_bytes"]
    in_time = "" if judge["judged_s"] < 5 and peak_bytes < 1e9 else " (not reached)"
    judged = (
        f"merged {judge['merged_s']:.2f} s and judged {judge['judged_s']:.2f} s after the last second{in_time},"
        f" {peak_bytes / 1e6:,.0f} MB; {judge['cpu_s']:.2f} s of CPU for each second, and"
        f" {judge['judge_cpu_s']:.2f} s in the process that judges"
    )
    rows = [
        (
            "two processes: orders for each CPU second of those that place them, at least 0.95 of one process's",
            f"{_at_least(own['times'], 0.95)}; of all CPU, also what merges and judges: {own['whole']:.2f}",
        ),
        ("two processes with `--client sdk`: at least 1.8 times the orders a second", _at_least(sdk["times"], 1.8)),
        (f"four workers in {where}{priority} begin within 2 ms and the clocks' uncertainty", _began(start)),
        ("the same with ordinary priority", _began(ordinary)),
        (
            f"{judge['workers']} workers, {judge['operations']:,} operations a second for {judge['seconds']} s:"
            " merged and judged within 5 s and 1 GB",
            judged,
        ),
    ]
    lines = "\n".join(f"| {asked} | {reached} |" for asked, reached in rows)
    return f"""## Several processes

The first two rows are medians of five turns in which one process and two placed orders one after the other; the
workers began 100 rounds, their clocks compared as over any network; the workers told once, and are simulated.

| asked | reached |
|---|---|
{lines}
"""


def _began(start: dict[str, Any]) -> str:
    within = "" if start["max"] <= 2 + start["uncertain_ms"] else " (not reached in all)"
    return (
        f"{start['median']:.2f} ms in the middle round, {start['max']:.2f} ms in the worst,"
        f" ±{start['uncertain_ms']:.2f} ms{within}"
    )


def _at_least(times: float, asked: float) -> str:
    return f"{times:.2f}{'' if times >= asked else ' (not reached)'}"


def _differences(figures: dict[str, Any]) -> str:
    same, slower = figures["same"], figures["slower"]
    return f"""## Differences that comparisons find

Two cells of five runs of 1 s, interleaved, 20 orders in flight, on a server that answers after 10 ms:

| | comparisons | with a real difference |
|---|---|---|
| the same server twice (asked: at most 1 or 2 of 20) | {same["times"]} | {same["found"]} |
| a server of 10 ms and one of 11 ms (asked: found) | {slower["times"]} | {slower["found"]} |
"""


def _html(figures: dict[str, Any]) -> str:
    return f"""## The page of a comparison

Twelve cells: {figures["bytes"] / 1e6:.2f} MB (asked: below 1.5), made in {figures["seconds"]:.1f} s
with the process's start (asked: below 4 s).
"""


def _checking(figures: dict[str, Any]) -> str:
    return f"""## Checking a stored history

`loadtest check` of {figures["operations"]:,} operations on eight products by three strategies, 64 orders in flight
({figures["bytes"] / 1e6:,.0f} MB): {figures["seconds"]:.1f} s (asked: below 20 s), {figures["cpu_s"]:.1f} s of CPU,
{figures["peak_bytes"] / 1e6:,.0f} MB of memory at most.
"""
