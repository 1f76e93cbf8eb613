"""The only place that knows aioboto3: the table and its schema, transports, clients, and what errors mean."""
