"""A busy room: everybody writes and everybody receives."""

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

WRITERS = 50


def run(bench: Bench) -> list[Row]:
    """50 writing members and a silent one, with 2 and with 10 unacknowledged messages each."""
    rows = []
    with running(bench.servers) as servers:
        for in_flight in (2, 10):
            for server in servers:
                with crew(bench, server, [Group(members=WRITERS + 1, writers=WRITERS)]) as fleet:
                    fleet.begin("warm")
                    fleet.closed_loop(1, 0.5)
                    load = partial(fleet.closed_loop, in_flight, bench.seconds)
                    outcome = measure(server, fleet, load)
                    found = outcome.findings
                    values = {
                        "sends": found.acked_in_time / outcome.seconds,
                        "deliveries": found.delivered_in_time / outcome.seconds,
                        **latencies("ack", found.ack_ms),
                        **latencies("delivery", found.delivery_ms),
                        **outcome.common_values(),
                    }
                    note = notes(fleet, outcome)
                row = Row(f"{in_flight} in flight each", server.title, values, note)
                rows.append(bench.report(row))
    return rows


SCENARIO = Scenario(
    name="room",
    title="A busy room",
    explanation=(
        f"{WRITERS} members of one chat all write as fast as their acknowledgements come, and all "
        "of them and one silent member receive. The silent member's order of messages is the "
        "reference for the others'."
    ),
    columns=(
        Column("sends", "sends/s", better="more"),
        Column("deliveries", "deliveries/s", better="more"),
        Column("ack_p50", "ack p50 ms", 1, "less"),
        Column("ack_p99", "ack p99 ms", 1, "less"),
        Column("delivery_p50", "delivery p50 ms", 1),
        Column("delivery_p99", "delivery p99 ms", 1),
        *COMMON_COLUMNS,
    ),
    run=run,
)
