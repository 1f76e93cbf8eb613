"""What lies on disk, or could: report, history, comparison, search; and what a history says of its run."""
