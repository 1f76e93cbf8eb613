"""Reports against reports: figures with their uncertainty, which differences are real, and how throughput scales.

Pure: no I/O, no clock. `loadtest.records.comparison` is the value that `compare` fills;
`docs/explanation/statistics.md` explains it.
"""

from loadtest.compare.assemble import Repeats, baseline_pairs, compare, names, pairs
from loadtest.compare.batches import batches
from loadtest.compare.caution import cautions, unlike_baseline, untested
from loadtest.compare.differences import differences
from loadtest.compare.estimates import cell, estimate
from loadtest.compare.metrics import METRICS, TESTED, Metric
from loadtest.compare.scaling import fit
from loadtest.compare.welch import Sample

__all__ = [
    "METRICS",
    "TESTED",
    "Metric",
    "Repeats",
    "Sample",
    "baseline_pairs",
    "batches",
    "cautions",
    "cell",
    "compare",
    "differences",
    "estimate",
    "fit",
    "names",
    "pairs",
    "unlike_baseline",
    "untested",
]
