"""The only place that knows aioboto3: the client, the table, and what the SDK's errors mean."""
