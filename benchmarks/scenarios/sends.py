"""Durable sends: how many messages per second are stored and acknowledged."""

from functools import partial

from ..servers import running
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
    rows = []
    with running(bench.servers) as servers:
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
                row = Row(f"{in_flight} in flight each", server.title, values, note)
                rows.append(bench.report(row))
    return rows


SCENARIO = Scenario(
    name="sends",
    title="Durable sends",
    explanation=(
        f"{SENDERS} senders, each in a chat of two whose other member is connected too. A send "
        "counts when its acknowledgement has arrived. Afterwards the database is read: one row "
        "for each acknowledgement, no doubles, ids in each sender's order."
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
