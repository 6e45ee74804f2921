"""What a run says of itself."""

import pytest

from tests.faults import report
from tests.faults.checker import check
from tests.faults.figures import Times
from tests.faults.history import Closed, Note, Opened, Ready
from tests.faults.matrix import faults
from tests.faults.matrix.base import Bar, Outcome
from tests.faults.story import STEADY, UNSTEADY, Story

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("bar", "passed"),
    [
        (Bar("at its limit", 2.0, 2.0), True),
        (Bar("past it", 2.1, 2.0), False),
        (Bar("what must be reached", 0.99, 0.99, least=True), True),
        (Bar("what was not", 0.98, 0.99, least=True), False),
        (Bar("what nobody measured", None, 2.0), False),
    ],
    ids=lambda value: value.name if isinstance(value, Bar) else "",
)
def test_a_bar_is_held_or_missed(bar: Bar, passed: bool) -> None:
    assert bar.passed is passed


def test_percentiles_are_values_that_were_measured() -> None:
    times = Times.of([float(number) for number in range(100, 0, -1)])
    assert (times.at(50), times.at(95), times.at(100)) == (50.0, 95.0, 100.0)
    assert Times.of([3.0]).at(50) == 3.0 and Times.of([]).at(50) is None


def test_who_lost_a_socket_is_back_when_it_has_caught_up() -> None:
    """From the loss of the socket, and from the healing; who went by itself has lost nothing."""
    story = Story(0)
    add = story.history.add
    add(Note(10.0, "fault", "killed"))
    add(Closed(10.5, story.reader(UNSTEADY).session, 1006))
    add(Note(12.0, "healed", "killed"))
    add(Opened(12.5, 90, UNSTEADY, UNSTEADY, "nodus", 0))
    add(Ready(13.0, 90))
    add(Closed(14.0, story.reader(STEADY).session, 1000))
    figures = check(story.history, story.final).figures
    assert figures.away.values == [2.5] and figures.back.values == [1.0]
    assert figures.faults == 1 and figures.codes == {1006: 1, 1000: 1}


def test_a_client_that_never_comes_back_fails_every_bar() -> None:
    story = Story(0)
    story.history.add(Note(10.0, "fault", "killed"))
    story.history.add(Closed(10.5, story.reader(UNSTEADY).session, 1006))
    story.history.add(Note(12.0, "healed", "killed"))
    figures = check(story.history, story.final).figures
    assert not Bar("back", figures.back.at(95), 1e9).passed


@pytest.mark.parametrize("lost", [False, True])
def test_the_page_says_what_was_found_and_what_was_missed(lost: bool) -> None:
    story = Story(0)
    story.play(50)
    story.end()
    if lost:
        story.attempt("send", STEADY, "run/9/1", story.now, ref="9999")
    fault, verdict = faults()[0], check(story.history, story.final)
    bars = [Bar("start", 1.5, 2.0, "s"), Bar("back", 9.0, 2.0, "s")]
    outcome = Outcome(fault, fault.full, story.history, verdict, bars[: 1 + lost])
    page = report.markdown([outcome], "full")
    assert outcome.passed is not lost
    assert f"| lost | {int(lost)} |" in page
    assert "| F1 | start | 1.5 s | at most 2 s | passed |" in page
    assert ("| F1 | back | 9 s | at most 2 s | MISSED |" in page) is lost
    assert ("FAILED" in report.table([outcome])) is lost


def test_every_fault_has_a_name_of_its_own_and_a_plan() -> None:
    found = faults()
    names = [fault.name for fault in found]
    assert names[0] == "F1" and len(set(names)) == len(names)
    for fault in found:
        assert fault.title and fault.full.cycles >= (fault.short.cycles if fault.short else 1)
