"""Where a server of the tests' own may listen."""

import socket


def free_port() -> int:
    """A port of this machine's that nobody listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
