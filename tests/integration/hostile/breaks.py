"""A server that ends by something else than its lifeline, while the tool looks at whether it lives."""

import socket
import sys

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[2])) as place:
        place.listen()
        sys.stdin.read()
        sys.exit(9)
