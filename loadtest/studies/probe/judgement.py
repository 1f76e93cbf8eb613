"""From the findings to whether the target is fit to judge."""

from collections.abc import Sequence

from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.questions import CONDITIONAL, CONSISTENT_READS, DECISIVE, REQUIRED


def judge(findings: Sequence[Finding], stopped_by: str | None) -> tuple[bool | None, str]:
    """Whether the target is fit, None if that was not shown, and the sentence that says so.

    A fault that was seen decides, however the probe ended.
    """
    by_name = {finding.question: finding for finding in findings}
    faults = [
        f"{question.fault} ({by_name[question.name].basis})"
        for question in DECISIVE
        if question.name in by_name and by_name[question.name].answer is Shown.NO
    ]
    if faults:
        return False, f"not fit to judge: {', '.join(faults)}"
    if stopped_by is not None:
        return None, f"not known whether it is fit to judge: stopped by {stopped_by}"
    open_ = [
        f"{question.name}: not shown ({by_name[question.name].seen})"
        for question in REQUIRED
        if by_name[question.name].answer is not Shown.YES
    ]
    if open_:
        return None, f"not known whether it is fit to judge: {', '.join(open_)}"
    races = by_name[CONDITIONAL.name].figures["contested"]
    reads = by_name[CONSISTENT_READS.name].figures["reads"]
    return True, f"fit to judge, as far as shown: no two winners in {races:,.0f} races, no stale read in {reads:,.0f}"
