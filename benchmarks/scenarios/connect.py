"""Connecting: how fast sockets become usable, and what an idle one costs."""

import time

from .. import processes
from ..checks import percentile
from ..clients import Client
from ..load import Fleet
from ..servers import Server, running
from .common import Bench, Column, Row, Scenario, watching

SOCKETS = 500
AT_ONCE = 50
CHAT_SIZE = 10
WARM_UP = 20
SETTLE_SECONDS = 2.0


def run(bench: Bench) -> list[Row]:
    """Connect 500 people once to a fresh server; then let the sockets idle."""
    sockets = 100 if bench.quick else SOCKETS
    rows = []
    with running(bench.servers) as servers:
        for server in servers:
            rows.append(bench.report(_connect(bench, server, sockets)))
    return rows


def _connect(bench: Bench, server: Server, sockets: int) -> Row:
    world = bench.world(server)
    people = world.people(sockets + WARM_UP)
    chats = {}
    for start in range(0, len(people), CHAT_SIZE):
        members = people[start : start + CHAT_SIZE]
        chats.update(dict.fromkeys(members, world.chat(members)))
    clients = [
        Client(token=token, chat=chats[person])
        for person, token in zip(people, world.tokens(people), strict=True)
    ]
    # What the first connections cost once (imports, pools) isn't the price of a socket.
    warm_up = Fleet(clients[:WARM_UP])
    warm_up.connect(server.port)
    warm_up.close()
    time.sleep(1)
    server.settle()
    before = processes.rss_kib(server.pid)
    fleet = Fleet(clients[WARM_UP:])
    try:
        with watching(server) as load:
            seconds = fleet.connect(server.port, at_once=AT_ONCE)
        fleet.idle(SETTLE_SECONDS)
        after = processes.rss_kib(server.pid)
        dropped = sum(client.closed for client in fleet.clients)
    finally:
        fleet.close()
    taken = sorted(client.connect_seconds * 1000 for client in fleet.clients)
    return Row(
        f"{sockets} sockets",
        server.title,
        {
            "seconds": seconds,
            "rate": sockets / seconds,
            "p50": percentile(taken, 50),
            "p99": percentile(taken, 99),
            "memory": (after - before) / sockets,
            "rss": after / 1024,
            "dropped": dropped,
            "server_cpu": 100 * load.server,
        },
    )


SCENARIO = Scenario(
    name="connect",
    title="Connecting",
    explanation=(
        f"{SOCKETS} people connect and authenticate, {AT_ONCE} handshakes at a time, until each "
        f"has its unread_messages frame; everybody is in one chat of {CHAT_SIZE}. Memory per "
        f"socket is what the server's resident memory grew by, {SETTLE_SECONDS:.0f} s after the "
        "last socket, divided by the sockets."
    ),
    columns=(
        Column("seconds", "seconds", 2, "less"),
        Column("rate", "sockets/s", 0, "more"),
        Column("p50", "one socket p50 ms", 1),
        Column("p99", "one socket p99 ms", 1),
        Column("memory", "KiB per idle socket", 1, "less"),
        Column("rss", "process MiB", 0),
        Column("dropped", "dropped"),
        Column("server_cpu", "server CPU %"),
    ),
    run=run,
)
