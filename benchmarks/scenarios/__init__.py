"""The scenarios of the benchmark, in the order in which they run."""

from . import connect, fanout, history, room, sends, unread
from .common import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        sends.SCENARIO,
        fanout.SCENARIO,
        room.SCENARIO,
        connect.SCENARIO,
        history.SCENARIO,
        unread.SCENARIO,
    )
}
"""By name, as `--only` takes them."""
