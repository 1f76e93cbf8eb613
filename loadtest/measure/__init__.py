"""Turns events into figures: histograms, per-second series, client overhead, metrics, thresholds, the summary."""
