"""A report as one HTML page, and its charts as pictures."""
