"""Draws reports. Computes nothing: every figure shown is in the report."""
