"""The same run from several processes or machines.

The process that was started sets the stock, reads what is left, and writes the history, which another
(`checker_process`) reads and judges. The orders are placed by workers (`worker`), each with an event loop of its own in
a process of its own, on this machine (`processes`) or on a Dask cluster (`dask_cluster`). The `coordinator` lets them
begin at one instant and brings their events together: into one stream, on one clock.
"""
