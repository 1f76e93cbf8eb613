"""The same run from several processes or machines.

The process that was started sets the stock, reads what is left, and writes the history, which another (`judge`) reads
and judges. The orders are placed by `shard`s, each with an event loop of its own in a process of its own, here
(`local`) or on a Dask cluster (`cluster`). `fleet` lets them begin at one instant and brings their events together:
into one stream, on one clock.
"""
