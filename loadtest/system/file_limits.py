"""How many connections the limit of open files allows."""

import resource

_SPARE_FILES = 64


def connections_that_fit(wanted: int) -> int:
    """Raise the soft limit of open files for `wanted` connections and return how many fit under the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return max(1, hard - _SPARE_FILES)
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return wanted
