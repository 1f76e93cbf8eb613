"""`loadtest cluster`: a Dask cluster on this machine, to try `--cluster` with."""

import signal
from typing import Annotated

import typer

from loadtest.cli.streams import say
from loadtest.system.signals import ending, leave_at_second


def local(
    workers: Annotated[int, typer.Option(min=1, max=256, help="Workers, a process each.")] = 2,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port that the scheduler listens on.")] = 8786,
) -> int:
    """Run a Dask scheduler and workers on this machine in the foreground. Ctrl-C ends them.

    Whoever reaches a scheduler can run code on its workers. So this one listens on loopback, and lets in only who has
    the certificate that it makes for its clients; the files are yours alone, and gone when it ends.
    """
    from loadtest.distributed.local_cluster import cluster

    ended: set[int] = set()
    leave_at_second(*ending(), heard=ended.add)
    with cluster(workers, port) as (address, files):
        options = f"--cluster {address} --cluster-ca {files.authority} "
        options += f"--cluster-cert {files.certificate} --cluster-key {files.key}"
        say(f"{workers} {'worker' if workers == 1 else 'workers'} at {address}; Ctrl-C ends them", err=True)
        say(f"for example: loadtest race {options}", err=True)
        while not ended:
            signal.pause()
    return 0
