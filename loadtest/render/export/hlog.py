"""Reports as a histogram log, the format of HdrHistogram's own tools.

Source: HistogramLogWriter and HistogramLogReader of github.com/HdrHistogram/HdrHistogram, log format 1.3.
"""

import re
from collections.abc import Sequence

from loadtest.records.report import Report, buckets
from loadtest.render.export.runs import started, times
from loadtest.system.foreign_text import visible

_NOT_IN_TAGS = re.compile(r"[\s,]")


def hlog(reports: Sequence[Report]) -> str:
    """One interval a histogram, tagged `service.write.accepted`, `response.write.accepted`, `order.accepted`.

    With several runs a tag begins with the run's id. Values are in ns; the column Interval_Max is in ms, as these
    tools expect of values in ns. Runs come in the order of their start. An interval is as long as the run's orders
    took. Raises UsageError if a stored histogram is damaged.
    """
    ordered = sorted(reports, key=started)
    lines = ["#[Logged with loadtest; values in ns, Interval_Max in ms]", "#[Histogram log format version 1.3]"]
    if ordered:
        start = started(ordered[0])
        lines += [
            f"#[StartTime: {start.timestamp():.3f} (seconds since epoch), {start.isoformat()}]",
            f"#[BaseTime: {start.timestamp():.3f} (seconds since epoch)]",
        ]
    lines.append('"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"')
    for report in ordered:
        offset_s = (started(report) - start).total_seconds()
        for time, kind, outcome, figures in times(report):
            buckets(figures)  # a damaged one would make the log unreadable from here on
            run = report.run_id if len(ordered) > 1 else ""
            tag = _NOT_IN_TAGS.sub("_", visible(".".join(part for part in (run, time, kind, outcome) if part)))
            lines.append(f"Tag={tag},{offset_s:.3f},{report.duration_s:.6f},{figures.max:.6f},{figures.hdr}")
    return "\n".join(lines) + "\n"
