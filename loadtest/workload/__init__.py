"""What is asked of a run, values only: races and loads, faults, arrivals, popularity, backoff, prices. No I/O."""
