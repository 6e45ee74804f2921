"""The checker finds each anomaly, calls it by its name, and finds nothing where all is well."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.checker import ANOMALIES, check
from tests.faults.history import Attempt, Closed, Delivery, Entry, read, write
from tests.faults.story import (
    APP,
    CHAT,
    ROULETTE,
    STEADY,
    SUBSCRIBER,
    UNSTEADY,
    Story,
)

pytestmark = pytest.mark.once

SEEDS = range(3)


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_where_nothing_is_wrong(seed: int) -> None:
    story = Story(seed)
    story.play(300)
    story.end()
    verdict = check(story.history, story.final)
    assert verdict.explained() == []
    assert verdict.clean and set(verdict.counts) == set(ANOMALIES)


def test_a_history_can_be_written_down_and_read_again(tmp_path: Path) -> None:
    story = Story(1)
    story.play()
    story.end()
    write(tmp_path / "history", story.history, story.final)
    history, final = read(tmp_path / "history")
    assert history.records == story.history.records
    assert final == story.final


# --- one for each anomaly; `at` is in the middle of a story, or at its end ------------------------


def lost(story: Story) -> None:
    """An acknowledgement of what is not there."""
    story.attempt("send", STEADY, "run/9/1", story.now, ref="9999", seq=9999)


def duplicate(story: Story) -> None:
    """The first try was stored and not answered, the second one was stored again."""
    key, begun = story.new_key(), story.tick()
    story.store(STEADY, key)
    story.attempt("send", STEADY, key, begun, result="info")
    row = story.store(STEADY, key)
    story.attempt("send", STEADY, key, begun, ref=row.id, seq=row.seq)


def unexpected(story: Story) -> None:
    story.store(STEADY, "run/9/9")


def aborted_visible(story: Story) -> None:
    key, begun = story.new_key(), story.tick()
    story.store(STEADY, key)
    story.attempt("send", STEADY, key, begun, result="fail", error="not_found")


def inconsistent_offset(story: Story) -> None:
    """One reader is told of another message at this place."""
    index, told = delivery(story, STEADY, "sent")
    other = next(row for row in story.rows if row.id != told.ref)
    story.history.records[index] = replace(told, ref=other.id)


def reader_skip(story: Story) -> None:
    del story.history.records[delivery(story, STEADY, "sent")[0]]


def reader_skip_while_away(story: Story) -> None:
    """It is told that it has been resumed, and has not been told of everything."""
    reader = story.reader(UNSTEADY)
    if reader.session:
        story.history.add(Closed(story.tick(), reader.session, 1006))
        reader.session = 0
    unanswered(story)
    unanswered(story)
    kept = reader.have
    story.open(reader)
    records = story.history.records
    last = max(i for i, one in enumerate(records) if isinstance(one, Delivery))
    assert records[last].session == reader.session  # type: ignore[attr-defined]
    assert reader.have != kept
    del records[last]


def reader_skip_without_places(story: Story) -> None:
    del story.history.records[delivery(story, SUBSCRIBER, "sent")[0]]


def reader_backwards(story: Story) -> None:
    swap(story, STEADY)


def reader_backwards_without_places(story: Story) -> None:
    swap(story, SUBSCRIBER)


def reader_duplicate(story: Story) -> None:
    index, told = delivery(story, STEADY, "sent")
    story.history.records.insert(index + 1, replace(told))


def reader_duplicate_without_places(story: Story) -> None:
    index, told = delivery(story, SUBSCRIBER, "sent")
    story.history.records.insert(index + 1, replace(told))


def reader_behind_at_end(story: Story) -> None:
    """From here on it is told nothing, and its socket stays open."""
    deaf(story, STEADY)


def reader_behind_at_end_without_places(story: Story) -> None:
    deaf(story, SUBSCRIBER)


def reader_behind_at_end_without_a_socket(story: Story) -> None:
    story.history.add(Closed(story.tick(), story.reader(STEADY).session, 1006))


def realtime_order(story: Story) -> None:
    first, second = story.new_key(), story.new_key()
    later, earlier = story.store(STEADY, second), story.store(STEADY, first)
    story.attempt("send", STEADY, first, story.tick(), ref=earlier.id, seq=earlier.seq)
    story.attempt("send", STEADY, second, story.tick(), ref=later.id, seq=later.seq)


def ack_disagrees(story: Story) -> None:
    """Sent again, it is answered with another message."""
    one, other = story.rows[0], story.rows[1]
    story.attempt("send", one.author, one.key, story.now, ref=other.id)


def ack_disagrees_about_the_place(story: Story) -> None:
    one = story.rows[0]
    story.attempt("send", one.author, one.key, story.now, ref=one.id, seq=one.seq + 1)


def ack_disagrees_with_itself(story: Story) -> None:
    one = story.rows[0]
    error = "idempotency_key_reused"
    story.attempt("send", one.author, one.key, story.now, result="fail", error=error)


def receipt_regress(story: Story) -> None:
    """What was read waits again."""
    story.final.unread[ROULETTE, CHAT] += 1


def receipt_regress_read_twice(story: Story) -> None:
    row = next(row for row in story.rows if (row.key, ROULETTE) in story.reads)
    story.change("read", row.id, ROULETTE)


def receipt_lost(story: Story) -> None:
    row = unread_by(story, UNSTEADY)
    story.attempt("read", UNSTEADY, "read", story.now, ref=row)


def receipt_lost_from_the_message(story: Story) -> None:
    ref = next(ref for ref, people in story.final.read_by.items() if ROULETTE in people)
    story.final.read_by[ref].remove(ROULETTE)


def receipt_lost_without_a_trace(story: Story) -> None:
    """Something waits no longer, and nobody has read it."""
    story.final.unread[UNSTEADY, CHAT] -= 1


def leak_after_revoke(story: Story) -> None:
    leak(story, ROULETTE)


def leak_after_revoke_without_places(story: Story) -> None:
    if SUBSCRIBER not in story.final.roles[CHAT]:
        story.move()
    leak(story, SUBSCRIBER)


def likes_mismatch(story: Story) -> None:
    next(row for row in story.rows if row.liked_by).liked_by.pop()


def likes_mismatch_out_of_nowhere(story: Story) -> None:
    story.rows[0].liked_by.append(UNSTEADY)


def owner_zero(story: Story) -> None:
    story.final.roles[CHAT][STEADY] = "member"


# Those that change what has been written down already; all others happen in the middle of a story.
AT_THE_END = (
    inconsistent_offset,
    reader_skip,
    reader_skip_without_places,
    reader_backwards,
    reader_backwards_without_places,
    reader_duplicate,
    reader_duplicate_without_places,
    reader_behind_at_end_without_a_socket,
    ack_disagrees,
    ack_disagrees_about_the_place,
    ack_disagrees_with_itself,
    receipt_regress,
    receipt_lost,
    receipt_lost_from_the_message,
    receipt_lost_without_a_trace,
    likes_mismatch,
    likes_mismatch_out_of_nowhere,
    owner_zero,
)
MEANWHILE = (
    lost,
    duplicate,
    unexpected,
    aborted_visible,
    reader_skip_while_away,
    reader_behind_at_end,
    reader_behind_at_end_without_places,
    realtime_order,
    receipt_regress_read_twice,
    leak_after_revoke,
    leak_after_revoke_without_places,
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wrong", [*AT_THE_END, *MEANWHILE], ids=lambda wrong: wrong.__name__)
def test_each_anomaly_is_found_and_called_by_its_name(
    wrong: Callable[[Story], None], seed: int
) -> None:
    story = Story(seed)
    story.play()
    if wrong in MEANWHILE:
        wrong(story)
        story.play()
    story.end()
    if wrong in AT_THE_END:
        wrong(story)
    verdict = check(story.history, story.final)
    expected = next(name for name in ANOMALIES if wrong.__name__.startswith(name))
    assert list(verdict.found) == [expected], verdict.explained()
    assert verdict.counts[expected] >= 1 and not verdict.clean
    assert verdict.explained()[0].startswith(f"{expected}: ")


def test_every_anomaly_is_tried() -> None:
    tried = {
        name
        for name in ANOMALIES
        for wrong in (*AT_THE_END, *MEANWHILE)
        if wrong.__name__.startswith(name)
    }
    assert tried == set(ANOMALIES)


@pytest.mark.parametrize("there", [True, False])
def test_what_was_not_answered_may_be_there_or_not(there: bool) -> None:
    story = Story(1)
    story.play()
    key = story.new_key()
    if there:
        story.store(STEADY, key)
    story.attempt("send", STEADY, key, story.now, result="info")
    story.end()
    verdict = check(story.history, story.final)
    assert verdict.clean
    before = sum(one.result == "info" for one in story.history.of(Attempt))
    assert verdict.figures.info == before
    assert verdict.figures.recovered == before - (not there)


def test_an_explanation_says_which_message_which_reader_and_when() -> None:
    story = Story(2)
    story.play()
    story.end()
    index, told = delivery(story, STEADY, "sent")
    del story.history.records[index]
    (line,) = check(story.history, story.final).explained()
    assert f"after {told.seq} of chat {CHAT}" in line
    assert f"person {STEADY} (nodus, socket 1" in line and " s " in line


# --- help -----------------------------------------------------------------------------------------


def delivery(story: Story, person: int, kind: str) -> tuple[int, Delivery]:
    """Something that was told in the middle of their first socket, and where it is noted."""
    session = next(one for one in story.history.records if getattr(one, "person", 0) == person)
    found = [
        (index, one)
        for index, one in enumerate(story.history.records)
        if isinstance(one, Delivery) and one.session == session.session and one.kind == kind  # type: ignore[attr-defined]
    ]
    return found[len(found) // 2]


def swap(story: Story, person: int) -> None:
    """Two events that follow each other come in the other order."""
    records = story.history.records
    _, one = delivery(story, person, "sent")
    told = [
        i for i, r in enumerate(records) if isinstance(r, Delivery) and r.session == one.session
    ]
    first = next(i for i in told if records[i] is one)
    second = told[told.index(first) + 1]
    records[first], records[second] = records[second], records[first]


def deaf(story: Story, person: int) -> None:
    """They are told nothing any more."""
    real = story.tell
    story.tell = lambda reader, entry: (  # type: ignore[method-assign]
        None if reader.person == person else real(reader, entry)
    )
    unanswered(story)


def unanswered(story: Story) -> None:
    """A message whose send nobody answered: it may be there."""
    key, begun = story.new_key(), story.tick()
    story.store(APP, key)
    story.attempt("send", APP, key, begun, result="info")


def leak(story: Story, person: int) -> None:
    """Three seconds after they have left they are told of what is said then."""
    story.leave(person)
    story.now += 3.0
    begun, key = story.tick(), story.new_key()
    row = story.store(STEADY, key)
    story.attempt("send", STEADY, key, begun, ref=row.id, seq=row.seq)
    story.tell(story.reader(person), Entry(row.seq, "sent", row.id, STEADY))
    story.now += 3.0
    story.join(person)


def unread_by(story: Story, person: int) -> str:
    return next(
        row.id
        for row in story.rows
        if row.author != person and (row.key, person) not in story.reads
    )
