"""`loadtest probe`: is this target fit to judge?"""

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped


@grouped
def probe(
    run_target: groups.RunTarget,
    json: options.Json = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Find out in seconds whether a verdict about a run on this target can be believed, and why not.

    Asks whether conditional writes, transactions and consistent reads hold under many short races, what the server
    offers besides, how fast it can be and how many connections it serves. Uses items of its own, probe#…, and deletes
    them. Exit codes: 0 fit, 1 not atomic or reads not consistent, 3 target unusable.
    """
    from loadtest.cli.probing import run_probe

    return run_probe(run_target, json, quiet=quiet)
