"""Is this target fit to judge? A few questions, each a function that asks the target and returns a Finding."""
