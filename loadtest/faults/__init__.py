"""Faults made on purpose: which of a scenario's faults meets which request, and the proxy that makes them.

What a scenario asks for is a value, `loadtest.workload.faults`.
"""
