"""Leases: who is online, who came and who went, each told once, in one process or many."""

import random
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest
import redis
from django.conf import settings as project

from presence import leases as limits
from presence import store as stores
from presence.store import Lease, MemoryStore, RedisStore, Store
from tests.faults.services import Redis
from tests.races import race

WHERE = ["here", "redis"] if project.REDIS_URL else ["here"]
needs_redis = pytest.mark.skipif(not project.REDIS_URL, reason="there is no Redis")
ANNA, BORIS = 1, 2
# A lease that outlasts any test; and one that has run out by the next call.
LONG, NONE = 60.0, 0.0
A, A2, B = Lease(ANNA, "a"), Lease(ANNA, "a2"), Lease(BORIS, "b")


class Teller:
    """A process that tells at once of what its store says: the people, by what it tells of them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def take(self, leases: Sequence[Lease], seconds: float) -> list[int]:
        return self.only("online", self.changes("take", leases, seconds))

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[int]:
        return self.only("online", self.changes("renew", leases, seconds))

    def lapsed(self) -> list[int]:
        return self.only("offline", self.changes("lapsed"))

    def changes(self, verb: str, *arguments: Any) -> list[tuple[int, str, str]]:
        """(person, status before, status) of what `verb` says has changed, in order of people."""
        changes = getattr(self.store, verb)(*arguments)
        self.store.told(changes)
        assert all(change.ago >= 0 for change in changes)
        return sorted((change.user_id, change.was, change.status) for change in changes)

    def only(self, status: str, changes: list[tuple[int, str, str]]) -> list[int]:
        assert all(now == status for _, _, now in changes), changes
        return [user_id for user_id, _, _ in changes]

    def online(self, user_ids: Collection[int]) -> set[int]:
        """Those who are online, of whom nobody is away."""
        found = self.store.statuses(user_ids)
        assert set(found.values()) <= {"online"}, found
        return set(found)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def in_redis(url: str = str(project.REDIS_URL), **options: float) -> Teller:
    """What one process would have. A machine that is busy must not look like a Redis away."""
    return Teller(RedisStore(url, **{"patience": 5.0, **options}))


@pytest.fixture(params=WHERE)
def processes(request: pytest.FixtureRequest) -> Iterator[Callable[[], Teller]]:
    """Gives the store of yet another process; without Redis there is one process only."""
    if request.param == "redis":
        yield in_redis
        in_redis().forget()
    else:
        here = Teller(MemoryStore())
        yield lambda: here


@pytest.fixture
def store(processes: Callable[[], Teller]) -> Teller:
    return processes()


@pytest.fixture
def two() -> Iterator[tuple[Teller, Teller]]:
    """Two processes with one Redis."""
    one, other = in_redis(), in_redis()
    yield one, other
    one.forget()


def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What `condition` gives as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found


def crowd(count: int) -> list[Lease]:
    return [Lease(n, f"c{n}") for n in range(1, count + 1)]


# --- coming ----------------------------------------------------------------------------------


def test_the_first_connection_brings_a_person_online_and_another_one_does_not(
    store: Teller,
) -> None:
    assert store.online([ANNA, BORIS]) == set()
    assert store.take([A], LONG) == [ANNA]
    assert store.take([A2], LONG) == []
    assert store.take([A], LONG) == []
    assert store.online([ANNA, BORIS]) == {ANNA}
    assert store.online([BORIS]) == set()
    assert store.online([]) == set()


def test_of_many_connections_in_one_batch_each_person_comes_once(store: Teller) -> None:
    assert sorted(store.take([A, B, A2, A], LONG)) == [ANNA, BORIS]
    assert store.take([], LONG) == []


def test_two_dozen_connections_at_once_bring_a_person_online_once(
    processes: Callable[[], Teller],
) -> None:
    everywhere = [processes() for _ in range(24)]
    came = race(24, lambda n: everywhere[n].take([Lease(ANNA, f"{n}")], LONG))
    assert sum(came, []) == [ANNA]


# --- staying ---------------------------------------------------------------------------------


def test_a_lease_runs_out_by_itself(store: Teller) -> None:
    started = time.monotonic()
    store.take([A], 0.2)
    assert store.online([ANNA]) == {ANNA} or time.monotonic() > started + 0.15
    until(lambda: not store.online([ANNA]))
    assert time.monotonic() - started > 0.19


def test_who_is_renewed_in_time_stays(store: Teller) -> None:
    store.take([A, B], 0.3)
    gone: list[int] = []
    for _ in range(12):
        time.sleep(0.05)
        assert store.renew([A], 0.3) == []
        gone += store.lapsed()
    assert store.online([ANNA, BORIS]) == {ANNA}
    assert gone == [BORIS]


def test_a_person_stays_as_long_as_one_connection_does(store: Teller) -> None:
    store.take([A], LONG)
    store.take([A2], NONE)
    assert store.lapsed() == []
    assert store.online([ANNA]) == {ANNA}


def test_a_lease_that_was_never_heard_of_is_held_and_nobody_comes_online(store: Teller) -> None:
    assert store.renew([A], LONG) == []
    assert store.online([ANNA]) == {ANNA}
    assert store.take([A2], LONG) == []


# --- going -----------------------------------------------------------------------------------


def test_who_has_gone_is_told_once(store: Teller) -> None:
    store.take([A, A2], NONE)
    store.take([B], LONG)
    assert store.online([ANNA]) == set()
    assert store.lapsed() == [ANNA]
    assert store.lapsed() == []
    assert store.take([A], NONE) == [ANNA]
    assert store.lapsed() == [ANNA]


def test_nobody_who_never_came_goes(store: Teller) -> None:
    assert store.lapsed() == []
    store.release([A], NONE)
    assert store.lapsed() == []


def test_two_dozen_who_ask_at_once_are_told_of_each_person_once(
    processes: Callable[[], Teller],
) -> None:
    everywhere = [processes() for _ in range(24)]
    # Held by all of them, so that each has reason to think that it knows.
    for n, store in enumerate(everywhere):
        store.take([Lease(user_id, f"{n}") for user_id in range(1, 51)], NONE)
    everywhere[0].take(crowd(1300), NONE)
    told = race(24, lambda n: everywhere[n].lapsed() + everywhere[n].lapsed())
    assert sorted(sum(told, [])) == list(range(1, 1301))


def test_a_connection_that_ended_counts_for_the_time_it_was_given(store: Teller) -> None:
    store.take([A], LONG)
    started = time.monotonic()
    store.release([A], 0.2)
    assert store.online([ANNA]) == {ANNA} or time.monotonic() > started + 0.15
    assert until(store.lapsed) == [ANNA]
    assert 0.19 < time.monotonic() - started < 3


def test_a_connection_that_ended_is_not_held_for_longer_by_it(store: Teller) -> None:
    store.take([A], NONE)
    store.take([B], 0.2)
    store.release([A, B], LONG)
    assert store.lapsed() == [ANNA]
    assert until(store.lapsed) == [BORIS]


def test_who_still_has_a_connection_has_not_gone_with_the_other(store: Teller) -> None:
    store.take([A], LONG)
    store.take([A2], LONG / 2)
    store.release([A], NONE)
    assert store.lapsed() == []
    assert store.online([ANNA]) == {ANNA}
    store.release([A2], NONE)
    assert store.lapsed() == [ANNA]


def test_who_comes_back_in_time_never_went(store: Teller) -> None:
    store.take([A], LONG)
    store.release([A], 0.1)
    assert store.take([A2], LONG) == []
    time.sleep(0.15)
    assert store.lapsed() == []
    assert store.online([ANNA]) == {ANNA}


def test_who_comes_back_before_anybody_was_told_never_went(store: Teller) -> None:
    store.take([A], NONE)
    assert store.online([ANNA]) == set()
    assert store.take([A2], LONG) == []
    store.take([B], NONE)
    assert store.renew([B], LONG) == []
    assert store.lapsed() == []


def test_who_was_wrongly_said_to_have_gone_comes_online_again_by_being_renewed(
    store: Teller,
) -> None:
    store.take([A, A2], NONE)
    assert store.lapsed() == [ANNA]
    assert store.renew([A, A2], LONG) == [ANNA]
    assert store.renew([A, A2], LONG) == []
    assert store.online([ANNA]) == {ANNA}
    assert store.take([A], LONG) == []


def test_who_came_online_again_by_a_new_connection_does_not_by_being_renewed(store: Teller) -> None:
    store.take([A], NONE)
    assert store.lapsed() == [ANNA]
    assert store.take([A2], LONG) == [ANNA]
    assert store.renew([A, A2], LONG) == []


def test_that_somebody_went_is_not_remembered_for_ever(
    store: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 0.2)
    store.take([A], NONE)
    assert store.lapsed() == [ANNA]
    time.sleep(0.15)
    # That somebody else went later prolongs nothing.
    store.take([B], NONE)
    assert store.lapsed() == [BORIS]
    time.sleep(0.1)
    assert store.lapsed() == []
    assert store.renew([A], LONG) == []


# --- telling ---------------------------------------------------------------------------------


def test_what_nobody_has_confirmed_is_given_to_the_next_who_asks(
    processes: Callable[[], Teller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TELLING", 0.2)
    one, other = processes().store, processes().store
    [came] = one.take([A], LONG)
    assert (came.user_id, came.status) == (ANNA, "online")
    assert other.lapsed() == []
    # The first one died over it.
    [again] = until(other.lapsed)
    assert (again.user_id, again.status) == (ANNA, "online") and again.at > came.at
    # It did not, and is late: the other's telling counts.
    one.told([came])
    [again] = until(one.lapsed)
    other.told([again])
    time.sleep(0.25)
    assert one.lapsed() == other.lapsed() == []


def test_who_went_before_anybody_told_that_they_came_is_told_to_have_gone(
    processes: Callable[[], Teller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TELLING", 0.1)
    one, other = processes().store, processes().store
    [came] = one.take([A], NONE)
    [went] = until(other.lapsed)
    assert went.status == "offline" and went.at > came.at
    one.told([came])
    [again] = until(one.lapsed)
    assert again.status == "offline"
    [back] = one.take([A2], LONG)
    assert back.status == "online" and back.at > again.at


# --- at large --------------------------------------------------------------------------------


def test_batches_of_any_size_are_whole(store: Teller) -> None:
    leases, everybody = crowd(2600), list(range(1, 2601))
    assert sorted(store.take(leases, LONG)) == everybody
    assert store.renew(leases, LONG) == []
    assert store.online(everybody) == set(everybody)
    store.release(leases, NONE)
    assert store.online(everybody) == set()
    assert sorted(store.lapsed()) == everybody
    assert sorted(store.renew(leases, LONG)) == everybody


@needs_redis
@pytest.mark.parametrize("seed", range(5))
def test_with_and_without_redis_the_same_happens(two: tuple[Teller, Teller], seed: int) -> None:
    here, dice = Teller(MemoryStore()), random.Random(seed)
    for _ in range(800):
        process = dice.randrange(2)
        leases = [
            Lease(dice.randrange(4), f"{process} {dice.randrange(3)}", dice.random() < 0.5)
            for _ in range(dice.randrange(4))
        ]
        verb = dice.choice(["take", "renew", "release", "lapsed", "statuses"])
        arguments: tuple[Any, ...] = (leases, dice.choice([NONE, LONG]))
        if verb in ("lapsed", "statuses"):
            arguments = () if verb == "lapsed" else (range(4),)
        if verb in ("release", "statuses"):
            expected, given = (getattr(s, verb)(*arguments) for s in (here, two[process]))
        else:
            expected, given = (s.changes(verb, *arguments) for s in (here, two[process]))
        assert expected == given, (verb, arguments)


def test_here_nothing_is_kept_of_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Teller(MemoryStore())
    for n in range(100):
        store.take([Lease(ANNA, f"{n}")], NONE)
    assert len(store._held[ANNA]) == 1
    assert store.lapsed() == [ANNA]
    assert not store._held
    monkeypatch.setattr(limits, "REMEMBERED", 0)
    store.lapsed()
    assert not store._gone


def test_forgetting_starts_over(store: Teller) -> None:
    store.take([A], LONG)
    store.take([B], NONE)
    assert store.lapsed() == [BORIS]
    store.forget()
    assert store.online([ANNA]) == set()
    assert store.lapsed() == []
    assert store.renew([B], LONG) == []
    assert store.take([A], LONG) == [ANNA]


def test_the_settings_say_where_leases_are(settings: Any) -> None:
    assert isinstance(stores.store, RedisStore if settings.REDIS_URL else MemoryStore)
    settings.REDIS_URL = ""
    assert isinstance(stores.make_store(), MemoryStore)
    settings.REDIS_URL = "redis://127.0.0.1:1/0,redis://127.0.0.1:2/0"
    assert isinstance(stores.make_store(), RedisStore)


# --- in Redis --------------------------------------------------------------------------------


@needs_redis
def test_for_all_processes_together_a_person_is_one(two: tuple[Teller, Teller]) -> None:
    one, other = two
    assert one.take([A], LONG) == [ANNA]
    assert other.take([A2], LONG) == []
    one.release([A], NONE)
    assert one.lapsed() == other.lapsed() == []
    assert one.online([ANNA]) == other.online([ANNA]) == {ANNA}
    other.release([A2], NONE)
    assert one.lapsed() == [ANNA]
    assert other.lapsed() == []


@needs_redis
def test_of_who_was_in_a_process_that_died_another_is_told(
    two: tuple[Teller, Teller],
) -> None:
    dead, alive = two
    dead.take([A], 0.1)
    assert until(alive.lapsed) == [ANNA]


@needs_redis
def test_a_process_that_was_held_up_brings_its_people_back(
    two: tuple[Teller, Teller],
) -> None:
    frozen, alive = two
    frozen.take([A], NONE)
    assert alive.lapsed() == [ANNA]
    assert frozen.renew([A], LONG) == [ANNA]
    assert alive.online([ANNA]) == {ANNA}
    assert frozen.lapsed() == alive.lapsed() == []


@needs_redis
def test_nothing_stays_in_redis_for_ever(two: tuple[Teller, Teller]) -> None:
    one, other = two
    base = f"{project.REDIS_PREFIX}:presence"
    left = {f"{base}:{name}" for name in ("leases:1", "here", "awake", "gone")}
    with redis.Redis.from_url(project.REDIS_URL, decode_responses=True) as client:
        one.take([A], LONG)
        for n in range(100):
            one.take([Lease(ANNA, f"{n}")], NONE)
        assert client.zcard(f"{base}:leases:1") == 2
        one.take([B], NONE)
        assert other.lapsed() == [BORIS]
        one.release([A], 0.3)
        # Redis counts in whole milliseconds.
        assert 0 < client.pttl(f"{base}:leases:1") <= 301
        until(lambda: set(client.scan_iter(f"{base}:*")) <= left)
        assert 0 < client.pttl(f"{base}:gone") <= limits.REMEMBERED * 1000
        assert 0 < client.pttl(f"{base}:here") <= (limits.REMEMBERED + LONG) * 1000
        until(lambda: not client.exists(f"{base}:leases:1"))
        assert until(one.lapsed) == [ANNA]
        assert not client.exists(f"{base}:here")


@needs_redis
def test_that_redis_was_emptied_is_mended_and_nobody_hears_of_it(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    one.take([A], LONG)
    other.take([B], LONG)
    in_redis().forget()
    assert one.online([ANNA]) == {ANNA}
    assert one.renew([A], LONG) == other.renew([B], LONG) == []
    assert one.online([ANNA, BORIS]) == other.online([ANNA, BORIS]) == {ANNA, BORIS}
    assert one.lapsed() == other.lapsed() == []


@needs_redis
def test_who_goes_after_redis_was_emptied_is_told_by_the_process_they_were_in(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    one.take([A, B], LONG)
    other.take([A2], LONG)
    in_redis().forget()
    other.renew([A2], LONG)
    one.release([A, B], NONE)
    assert other.lapsed() == []
    assert one.lapsed() == [BORIS]
    assert one.lapsed() == other.lapsed() == []


# --- without Redis ---------------------------------------------------------------------------


@pytest.fixture(params=["dead", "silent"])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a Redis that refuses connections, or takes them and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "dead":
            server.close()
        yield f"redis://127.0.0.1:{port}/0"


def cut_off(store: Teller) -> None:
    """As if Redis had not answered this process a moment ago."""
    store._redis._resting_until = float("inf")


def connect(store: Teller) -> None:
    store._redis._resting_until = 0.0


def test_while_redis_is_away_a_process_answers_for_itself_and_soon(away: str) -> None:
    store = Teller(RedisStore(away))
    started = time.monotonic()
    assert store.take([A, B], LONG) == [ANNA, BORIS]
    assert store.take([A2], LONG) == []
    assert store.renew([A, A2, B], LONG) == []
    store.release([B], NONE)
    assert store.online([ANNA, BORIS]) == {ANNA}
    assert store.lapsed() == []
    assert time.monotonic() - started < 1


def test_nobody_waits_longer_because_all_come_at_once(away: str) -> None:
    store = Teller(RedisStore(away))

    def timed(n: int) -> tuple[Sequence[int], float]:
        started = time.monotonic()
        return store.take([Lease(ANNA, f"{n}")], LONG), time.monotonic() - started

    outcomes = race(24, timed)
    assert sum((list(came) for came, _ in outcomes), []) == [ANNA]
    assert max(seconds for _, seconds in outcomes) < 1


def test_that_redis_is_away_is_logged_once(away: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Teller(RedisStore(away, pause=0.0, patience=0.05))
    for _ in range(3):
        store.take([A], LONG)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_while_redis_is_away_little_is_kept_of_who_has_gone(away: str) -> None:
    store = Teller(RedisStore(away))
    for n in range(1000):
        store.take([Lease(ANNA, f"{n}")], NONE)
        store.lapsed()
    assert not store._local._held
    assert set(store._gone) == set(store._came) == {ANNA}


@needs_redis
def test_who_went_while_redis_was_away_is_told_once_afterwards(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    cut_off(one)
    assert one.take([A, B], 0.1) == [ANNA, BORIS]
    one.release([A], NONE)
    until(lambda: not one.online([ANNA, BORIS]))
    assert one.lapsed() == []
    # Boris has come back, to the other one.
    other.take([Lease(BORIS, "b2")], LONG)
    connect(one)
    assert until(lambda: other.lapsed() + one.lapsed()) == [ANNA]
    assert one.lapsed() == other.lapsed() == []


@needs_redis
def test_who_was_told_of_elsewhere_while_redis_was_away_is_not_again(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    one.take([A, B], 0.1)
    cut_off(one)
    until(lambda: not other.online([ANNA, BORIS]))
    assert sorted(other.lapsed()) == [ANNA, BORIS]
    # Boris's connection is still here.
    one.renew([B], 0.2)
    assert one.lapsed() == []
    connect(one)
    assert one.renew([B], LONG) == [BORIS]
    until(lambda: time.monotonic() > one._quiet_until)
    assert one.lapsed() == []
    assert not one._gone


@needs_redis
def test_that_somebody_went_before_they_came_while_redis_was_away_is_no_news_of_them(
    two: tuple[Teller, Teller],
) -> None:
    one, other = two
    other.take([A], NONE)
    assert other.lapsed() == [ANNA]
    cut_off(one)
    assert one.take([A2], 0.1) == [ANNA]
    until(lambda: not one.online([ANNA]))
    assert one.lapsed() == []
    connect(one)
    assert until(one.lapsed) == [ANNA]
    assert not one._came and not one._gone


@needs_redis
def test_who_came_back_while_redis_was_away_is_not_said_to_have_gone(
    two: tuple[Teller, Teller],
) -> None:
    one, _ = two
    cut_off(one)
    one.take([A], NONE)
    assert one.lapsed() == []
    assert one.take([A2], LONG) == [ANNA]
    one.take([B], 0.1)
    connect(one)
    until(lambda: not one.online([BORIS]))
    # Though Redis has not heard of it yet.
    assert one.lapsed() == [BORIS]
    one.renew([A2], LONG)
    assert one.lapsed() == []
    one.release([A2], NONE)
    assert one.lapsed() == [ANNA]


@needs_redis
def test_a_restart_of_redis_is_mended_and_only_who_went_is_told_of(own_redis: Redis) -> None:
    one, other = (in_redis(own_redis.url, pause=0.1) for _ in range(2))
    gone: list[int] = []

    def go_on() -> None:
        for store, leases in ((one, here), (other, [B])):
            assert store.renew(leases, 0.5) == []
            gone.extend(store.lapsed())

    here = [A, Lease(3, "c")]
    assert one.take(here, 0.5) == [ANNA, 3]
    assert other.take([B], 0.5) == [BORIS]
    own_redis.kill()
    one.release([here.pop()], NONE)
    ends = time.monotonic() + 0.6
    while time.monotonic() < ends:
        go_on()
        assert one.online([ANNA, BORIS, 3]) == {ANNA}
        time.sleep(0.05)
    assert not gone
    own_redis.start()
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        go_on()
        time.sleep(0.02)
    assert gone == [3]
    assert one.online([ANNA, BORIS, 3]) == other.online([ANNA, BORIS, 3]) == {ANNA, BORIS}


@needs_redis
def test_after_redis_was_held_up_nobody_is_said_to_have_gone_who_has_not(own_redis: Redis) -> None:
    one, other = (Teller(RedisStore(own_redis.url, patience=0.2, pause=0.1)) for _ in range(2))
    stop = threading.Event()
    gone: list[int] = []

    def live(store: Teller, lease: Lease, wait: float) -> None:
        while not stop.wait(wait):
            # Not in the order that is advised, which would make it easy.
            gone.extend(store.lapsed())
            gone.extend(store.renew([lease], 1.0))

    one.take([A], 1.0)
    other.take([B], 1.0)
    threads = [
        threading.Thread(target=live, args=(one, A, 0.05)),
        threading.Thread(target=live, args=(other, B, 0.3)),
    ]
    for thread in threads:
        thread.start()
    own_redis.freeze()
    time.sleep(1.5)
    own_redis.thaw()
    until(lambda: one.online([BORIS]) and other.online([ANNA]))
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert not gone
