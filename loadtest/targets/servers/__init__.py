"""What runs in a child process: the embedded server and the server that only answers."""
