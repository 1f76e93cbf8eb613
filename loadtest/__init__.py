"""Race conditional writes in DynamoDB, prove who won, and measure what it cost."""

__version__ = "0.1.0"
