"""Many runs, or a question to a target: sweep, find, calibrate, probe."""
