"""Durable sends: how many messages per second are stored and acknowledged."""

from functools import partial

from ..servers import Server, running
from .common import (
    COMMON_COLUMNS,
    Bench,
    Column,
    Group,
    Row,
    Scenario,
    crew,
    latencies,
    measure,
    notes,
)

SENDERS = 50


def run(bench: Bench) -> list[Row]:
    """50 senders in 50 chats of two, with 1 and with 10 unacknowledged messages each."""
    rows = _measure(bench, bench.servers)
    for server in bench.servers:
        if server.is_textbook:
            environment = server.environment
            server.environment = {**environment, "TEXTBOOK_CONN_MAX_AGE": "60"}
            try:
                rows += _measure(bench, [server], title="textbook, connections kept")
            finally:
                server.environment = environment
    return rows


def _measure(bench: Bench, measured: list[Server], title: str = "") -> list[Row]:
    rows = []
    with running(measured) as servers:
        for in_flight in (1, 10):
            for server in servers:
                with crew(bench, server, [Group(members=2, writers=1)] * SENDERS) as fleet:
                    fleet.begin("warm")
                    fleet.closed_loop(in_flight, 0.5)
                    load = partial(fleet.closed_loop, in_flight, bench.seconds)
                    outcome = measure(server, fleet, load)
                    chats = sorted({client.chat for client in fleet.clients})
                    stored = bench.world(server).stored_faults(
                        chats, outcome.tag, outcome.findings.acked
                    )
                    values = {
                        "sends": outcome.findings.acked_in_time / outcome.seconds,
                        **latencies("ack", outcome.findings.ack_ms),
                        "database": stored or "complete",
                        **outcome.common_values(),
                    }
                    note = notes(fleet, outcome)
                row = Row(f"{in_flight} in flight each", title or server.title, values, note)
                rows.append(bench.report(row))
    return rows


SCENARIO = Scenario(
    name="sends",
    title="Durable sends",
    explanation=(
        f"{SENDERS} senders, each in a chat of two whose other member is connected too. A send "
        "counts when its acknowledgement has arrived. Afterwards the database is read: one row "
        "for each acknowledgement, no doubles, ids in each sender's order. `connections kept` is "
        "the baseline with `CONN_MAX_AGE = 60`, the one setting that helps it most here (and that "
        "exhausts PostgreSQL's connections once there are REST views beside the sockets)."
    ),
    columns=(
        Column("sends", "sends/s", better="more"),
        Column("ack_p50", "ack p50 ms", 1, "less"),
        Column("ack_p99", "ack p99 ms", 1, "less"),
        Column("database", "database"),
        *COMMON_COLUMNS,
    ),
    run=run,
)
