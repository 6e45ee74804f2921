"""Random commands of four people over all sockets and REST, against the model."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz import profile
from tests.fuzz.machine import Machine
from tests.fuzz.stage import Stage
from tests.fuzz.ways import commands, known_commands


def test_every_command_of_every_socket_has_a_way_here() -> None:
    assert known_commands() == commands()


@pytest.mark.once
def test_whatever_people_do_the_sockets_and_rest_agree_with_the_model() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=profile.EXAMPLES,
            stateful_step_count=profile.STEPS,
            derandomize=not profile.FULL,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    said = {pair for pair in Stage.commands if pair[0] != "rest"}
    profile.report(
        "state machine",
        steps=Stage.steps,
        commands=f"{len(said)}/{len(commands())}",
        refusals=sum(Stage.refused.values()),
        frames=Stage.frames,
        views=Stage.compared,
        divergences=0,
    )
    if profile.FULL:
        assert said == commands()
