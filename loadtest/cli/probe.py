"""`loadtest probe`: is this target fit to judge?"""

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped


@grouped
def probe(
    run_target: groups.RunTarget,
    json: options.Json = None,
    quiet: options.Quiet = False,
    dry_run: options.DryRun = False,
) -> int:
    """Find out in seconds whether the verdicts of runs on this target can be believed.

    It uses items of its own, probe#…, and deletes them. Exit codes: 0 fit · 1 not atomic, or reads are stale ·
    3 target unusable, or not shown · 130 interrupted.
    """
    from loadtest.cli.probing import run_probe

    return run_probe(run_target, json, quiet=quiet, dry_run=dry_run)
