"""Leases that are away: who is online, away or gone, each change told once, in one or many."""

import time
from collections.abc import Callable

import pytest
import redis
from django.conf import settings as project

from presence import leases as limits
from presence.leases import Lease
from presence.memory import MemoryStore
from tests.presence.test_store import (
    A2,
    ANNA,
    BORIS,
    LONG,
    NONE,
    A,
    B,
    Teller,
    connect,
    cut_off,
    in_redis,
    needs_redis,
    processes,
    store,
    two,
    until,
)
from tests.races import race

__all__ = ["processes", "store", "two"]

# The same connections when nobody is looking.
A_AWAY, A2_AWAY, B_AWAY = Lease(ANNA, "a", True), Lease(ANNA, "a2", True), Lease(BORIS, "b", True)
TO_ONLINE = [(ANNA, "offline", "online")]
TO_AWAY = [(ANNA, "online", "away")]
BACK = [(ANNA, "away", "online")]
GONE = [(ANNA, "away", "offline")]


# --- by what connections say -----------------------------------------------------------------


def test_who_comes_with_nobody_looking_is_away_until_somebody_looks(store: Teller) -> None:
    assert store.changes("take", [A_AWAY], LONG) == [(ANNA, "offline", "away")]
    assert store.statuses([ANNA, BORIS]) == {ANNA: "away"}
    assert store.changes("take", [A2_AWAY], LONG) == []
    assert store.changes("take", [Lease(ANNA, "a3")], LONG) == BACK
    assert store.statuses([ANNA]) == {ANNA: "online"}


@pytest.mark.parametrize("verb", ["take", "renew"])
def test_a_person_is_away_when_all_of_their_connections_are(store: Teller, verb: str) -> None:
    store.take([A, A2], LONG)
    assert store.changes(verb, [A_AWAY], LONG) == []
    assert store.statuses([ANNA]) == {ANNA: "online"}
    assert store.changes(verb, [A2_AWAY], LONG) == TO_AWAY
    assert store.statuses([ANNA]) == {ANNA: "away"}
    assert store.changes(verb, [A_AWAY, A2_AWAY], LONG) == []
    assert store.changes(verb, [A], LONG) == BACK
    assert store.changes(verb, [A], LONG) == []
    assert store.statuses([ANNA]) == {ANNA: "online"}
    assert store.changes("lapsed") == []


def test_what_changes_twice_in_one_batch_is_told_as_it_is_in_the_end(store: Teller) -> None:
    assert store.changes("take", [A_AWAY, A2], LONG) == TO_ONLINE
    assert store.changes("renew", [A2_AWAY, A, A_AWAY, A], LONG) == []
    assert store.changes("renew", [A, A_AWAY], LONG) == TO_AWAY


def test_who_has_gone_may_come_back_away(store: Teller) -> None:
    store.take([A, B], NONE)
    assert store.lapsed() == [ANNA, BORIS]
    assert store.changes("take", [A_AWAY], LONG) == [(ANNA, "offline", "away")]
    assert store.changes("renew", [B_AWAY], LONG) == [(BORIS, "offline", "away")]


# --- by what runs out ------------------------------------------------------------------------


def test_who_has_only_connections_left_that_are_away_is_away(store: Teller) -> None:
    store.changes("take", [A_AWAY, A2], LONG)
    store.release([A2], NONE)
    assert store.statuses([ANNA]) == {ANNA: "away"}
    assert store.changes("lapsed") == TO_AWAY
    assert store.changes("lapsed") == []
    # A renewal says nothing that was said already.
    assert store.changes("renew", [A_AWAY], LONG) == []
    store.release([A_AWAY], NONE)
    assert store.statuses([ANNA]) == {}
    assert store.changes("lapsed") == GONE
    assert store.changes("lapsed") == []


def test_a_lease_that_is_not_away_runs_out_by_itself(store: Teller) -> None:
    started = time.monotonic()
    store.changes("take", [A_AWAY], LONG)
    store.take([A2], 0.2)
    assert until(lambda: store.changes("lapsed")) == TO_AWAY
    assert 0.19 < time.monotonic() - started < 3


def test_who_goes_altogether_at_once_was_never_away(store: Teller) -> None:
    store.take([A, A2_AWAY], NONE)
    assert store.changes("lapsed") == [(ANNA, "online", "offline")]
    assert store.changes("lapsed") == []


def test_who_looks_again_before_anybody_was_told_was_never_away(store: Teller) -> None:
    store.changes("take", [A_AWAY], LONG)
    store.take([A2], NONE)
    # It ran out, but nobody has said so; a renewal of the other one does not either.
    assert store.changes("renew", [A_AWAY], LONG) == []
    assert store.changes("renew", [A2], LONG) == []
    assert store.changes("lapsed") == []
    assert store.statuses([ANNA]) == {ANNA: "online"}


def test_a_release_that_follows_does_not_undo_that_somebody_is_away(store: Teller) -> None:
    store.changes("take", [A_AWAY, Lease(ANNA, "a3", True)], LONG)
    store.take([A2], NONE)
    assert store.changes("lapsed") == TO_AWAY
    store.release([A_AWAY], 1.0)
    assert store.changes("lapsed") == []
    assert store.statuses([ANNA]) == {ANNA: "away"}


# --- once ------------------------------------------------------------------------------------


def test_of_two_dozen_processes_one_says_that_somebody_is_away_and_one_that_they_are_back(
    processes: Callable[[], Teller],
) -> None:
    everywhere = [processes() for _ in range(24)]
    leases = [Lease(ANNA, f"{n}") for n in range(24)]
    away = [Lease(ANNA, f"{n}", True) for n in range(24)]

    def all_at_once(verb: str, own: list[Lease]) -> list[tuple[int, str, str]]:
        return sum(race(24, lambda n: everywhere[n].changes(verb, [own[n]], LONG)), [])

    assert all_at_once("take", leases) == TO_ONLINE
    assert all_at_once("renew", away) == TO_AWAY
    assert all_at_once("renew", leases) == BACK
    assert all_at_once("take", away) == TO_AWAY


def test_two_dozen_who_ask_at_once_are_told_once_who_is_only_away(
    processes: Callable[[], Teller],
) -> None:
    everywhere = [processes() for _ in range(24)]
    people = range(1, 1301)
    everywhere[0].changes("take", [Lease(n, "stays", True) for n in people], LONG)
    everywhere[0].changes("take", [Lease(n, "goes") for n in people], NONE)
    told = race(24, lambda n: everywhere[n].changes("lapsed") + everywhere[n].changes("lapsed"))
    assert sorted(sum(told, [])) == [(n, "online", "away") for n in people]


def test_what_nobody_has_confirmed_is_given_out_again_as_it_is_by_then(
    processes: Callable[[], Teller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TELLING", 0.2)
    one, other = processes().store, processes().store
    [came] = one.take([A], LONG)
    [dozed] = one.renew([A_AWAY], LONG)
    # Nobody has said yet that they came, so it is news of who was offline.
    assert (dozed.status, dozed.was) == ("away", "offline")
    assert dozed.at > came.at
    one.told([came])
    [again] = until(other.lapsed)
    assert (again.status, again.was) == ("away", "offline")
    other.told([again])
    # This may have been told, or not: it is the same as before, and said all the same.
    one.renew([A], LONG)
    [doubtful] = one.renew([A_AWAY], LONG)
    assert (doubtful.status, doubtful.was) == ("away", "away")
    one.told([doubtful])
    time.sleep(0.25)
    assert one.lapsed() == other.lapsed() == []


def test_a_change_says_how_long_ago_they_were_last_there(
    processes: Callable[[], Teller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TELLING", 0.2)
    store = processes().store
    [came] = store.take([A_AWAY], LONG)
    store.take([A2], 0.1)
    assert came.ago == 0
    # Nobody looks for a while.
    time.sleep(0.4)
    [dozed] = store.lapsed()
    assert dozed.status == "away" and 0.3 <= dozed.ago < 2
    [again] = until(store.lapsed)
    assert again.status == "away" and again.ago >= dozed.ago + 0.2
    store.told([again])
    store.release([A_AWAY], NONE)
    time.sleep(0.2)
    [went] = store.lapsed()
    assert went.status == "offline" and 0.2 <= went.ago < 2


# --- in Redis --------------------------------------------------------------------------------


@needs_redis
def test_that_redis_was_emptied_is_told_to_nobody_whichever_connection_is_restored_first(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    one.take([A], LONG)
    other.changes("take", [A2_AWAY], LONG)
    in_redis().forget()
    assert other.changes("renew", [A2_AWAY], LONG) == []
    assert one.changes("renew", [A], LONG) == []
    assert one.statuses([ANNA]) == other.statuses([ANNA]) == {ANNA: "online"}
    assert one.changes("lapsed") == other.changes("lapsed") == []
    # From then on it is told as ever.
    assert one.changes("renew", [A_AWAY], LONG) == TO_AWAY
    assert one.changes("renew", [A], LONG) == BACK


def test_whichever_connection_is_restored_first_nobody_is_told(store: Teller) -> None:
    assert store.changes("renew", [A_AWAY], LONG) == []
    assert store.statuses([ANNA]) == {ANNA: "away"}
    assert store.changes("renew", [A2], LONG) == []
    assert store.statuses([ANNA]) == {ANNA: "online"}
    # That was once.
    assert store.changes("renew", [Lease(ANNA, "a2", True)], LONG) == TO_AWAY
    assert store.changes("renew", [A2], LONG) == BACK


def test_who_was_restored_as_away_is_told_to_be_online_once_everybody_has_been(
    store: Teller,
) -> None:
    assert store.changes("renew", [A_AWAY], 0.1) == []
    time.sleep(0.05)
    assert store.changes("renew", [A_AWAY], LONG) == []
    time.sleep(0.1)
    assert store.changes("renew", [A], LONG) == BACK


@needs_redis
def test_while_redis_is_away_a_process_says_itself_who_of_its_people_is_away(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    one.take([A, B], LONG)
    cut_off(one)
    assert one.changes("renew", [A_AWAY], LONG) == TO_AWAY
    assert one.changes("take", [B_AWAY], LONG) == [(BORIS, "online", "away")]
    assert one.changes("take", [A], LONG) == BACK
    assert one.statuses([ANNA, BORIS]) == {ANNA: "online", BORIS: "away"}
    # The others know what Redis knows.
    assert other.statuses([ANNA, BORIS]) == {ANNA: "online", BORIS: "online"}
    connect(one)
    one.renew([A], LONG)
    one.changes("renew", [B_AWAY], LONG)
    assert other.statuses([ANNA, BORIS]) == {ANNA: "online", BORIS: "away"}


@needs_redis
def test_who_became_away_while_redis_was_is_told_once_afterwards(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    cut_off(one)
    one.take([A], LONG)
    one.changes("take", [A2_AWAY], LONG)
    one.release([A], NONE)
    # Nobody is said to have gone, nor to be away, while Redis is.
    assert one.changes("lapsed") == []
    connect(one)
    one.store._quiet_until = 0.0  # type: ignore[attr-defined]
    assert one.changes("renew", [A2_AWAY], LONG) == []
    assert one.changes("lapsed") + other.changes("lapsed") == TO_AWAY
    assert one.changes("lapsed") == other.changes("lapsed") == []


@needs_redis
def test_a_long_lease_does_not_make_a_process_wait_longer_for_redis(
    two: tuple[Teller, Teller],
) -> None:
    one, _ = two
    one.renew([A], 0.1)
    one.take([Lease(BORIS, "heartbeat")], LONG)
    cut_off(one)
    assert one.lapsed() == []
    connect(one)
    assert one._quiet_until < time.monotonic() + 1


# --- typing ----------------------------------------------------------------------------------

CHAT, OTHER = 5, 6


def test_who_types_in_a_chat_is_known_until_they_stop_or_the_time_is_over(
    processes: Callable[[], Teller],
) -> None:
    one, other = processes(), processes()
    one.set_typing(CHAT, ANNA, LONG)
    other.set_typing(CHAT, BORIS, 0.2)
    assert one.typing(CHAT) == other.typing(CHAT) == {ANNA, BORIS}
    assert one.typing(OTHER) == set()
    until(lambda: one.typing(CHAT) == other.typing(CHAT) == {ANNA})
    other.set_typing(CHAT, ANNA, 0)
    assert one.typing(CHAT) == set()
    other.set_typing(OTHER, ANNA, 0)
    assert one.typing(OTHER) == set()


def test_who_says_again_that_they_type_does_for_longer(store: Teller) -> None:
    store.set_typing(CHAT, ANNA, 0.2)
    time.sleep(0.1)
    store.set_typing(CHAT, ANNA, 0.3)
    time.sleep(0.15)
    assert store.typing(CHAT) == {ANNA}
    until(lambda: not store.typing(CHAT))


@needs_redis
def test_while_redis_is_away_a_process_knows_who_types_there(two: tuple[Teller, Teller]) -> None:
    one, other = two
    cut_off(one)
    one.set_typing(CHAT, ANNA, LONG)
    assert one.typing(CHAT) == {ANNA}
    assert other.typing(CHAT) == set()


@needs_redis
def test_typing_leaves_nothing_in_redis(two: tuple[Teller, Teller]) -> None:
    one, _ = two
    with redis.Redis.from_url(project.REDIS_URL) as client:
        one.set_typing(CHAT, ANNA, 0.2)
        one.set_typing(CHAT, BORIS, 0.1)
        key = f"{project.REDIS_PREFIX}:presence:typing:{CHAT}"
        assert 100 < client.pttl(key) <= 200
        until(lambda: not client.exists(key))


def test_here_little_is_kept_of_chats_in_which_nobody_types(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("presence.memory.CHATS", 10)
    store = MemoryStore()
    for chat in range(100):
        store.set_typing(chat, ANNA, 1e-9)
    store.set_typing(CHAT, ANNA, LONG)
    assert len(store._typing) <= 12
    assert store.typing(CHAT) == {ANNA}
