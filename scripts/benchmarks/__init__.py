"""What `scripts/bench` measures. Every figure comes from one run, interleaved, as a median of several turns."""
