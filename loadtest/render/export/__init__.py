"""Reports in the formats of other tools: CSV, HdrHistogram logs, Prometheus, OpenTelemetry. Computes nothing new."""
