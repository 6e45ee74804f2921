"""The lines that sockets go through, and whether the server's end of one is still open."""

from pathlib import Path

from tests.faults.clients import Client
from tests.faults.cluster import Cluster
from tests.faults.proxy import Line

# The state in /proc/net/tcp of a connection that nobody has closed.
ESTABLISHED = "01"


def line_of(client: Client) -> Line | None:
    """The line of a client's socket, if it has one."""
    if client._socket is None:
        return None
    return line_from(client.apps[client.process].proxy.lines, client._socket.local_address)


def line_from(lines: set[Line], address: tuple[str, int]) -> Line | None:
    """The line whose client has this address and port."""
    return next(
        (one for one in lines if one.client.get_extra_info("peername") == address),
        None,
    )


def open_lines(cluster: Cluster) -> list[Line]:
    return [line for app in cluster.apps for line in app.proxy.lines]


def ended(line: Line) -> bool:
    """
    Whether the server has closed or reset its end. Ours does not show it while there is something
    to read before, so the system is asked about the server's.
    """
    ours = line.server.get_extra_info("sockname")[1]
    theirs = line.server.get_extra_info("peername")[1]
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = row.split()
        if int(local.split(":")[1], 16) == theirs and int(remote.split(":")[1], 16) == ours:
            return state != ESTABLISHED
    return True
