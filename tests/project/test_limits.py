"""Rate limits: exact, for all at once, whatever a client says of its address, and without Redis."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as project
from django.test import Client

from accounts.models import User
from messenger.errors import RateLimited
from messenger.realtime import limits
from messenger.realtime.limits import Buckets, Counter, FrameLimit, Limit
from tests.people import PASSWORD, bearer, post
from tests.races import race

# Seconds: far more than any answer takes, and far less than waiting in turn would.
PROMPT = 3.0
WHERE = ["here", "redis"] if project.REDIS_URL else ["here"]
needs_redis = pytest.mark.skipif(not project.REDIS_URL, reason="there is no Redis")
HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP")


def slow(burst: int, name: str = "test") -> Limit:
    """A limit that gives back nothing while a test lasts."""
    return Limit(name, burst=burst, every=60.0, without_redis="closed")


@pytest.fixture(params=WHERE)
def url(request: pytest.FixtureRequest) -> str:
    """Where it is counted: in this process, or in Redis."""
    return str(project.REDIS_URL) if request.param == "redis" else ""


def admitted(counter: Counter, limit: Limit, who: str, times: int) -> int:
    return sum(counter.wait(limit, who) == 0 for _ in range(times))


def register(client: Client, address: str = "127.0.0.1", **headers: str) -> int:
    """The status of an attempt that is counted and does nothing."""
    response = client.post(
        "/register", "{}", content_type="application/json", headers=headers, REMOTE_ADDR=address
    )
    return int(response.status_code)


@pytest.mark.parametrize("burst", [1, 2, 10, 300])
def test_a_burst_is_admitted_to_the_last_and_no_further(url: str, burst: int) -> None:
    limit, counter = slow(burst), Counter(url)
    assert admitted(counter, limit, "alice", burst) == burst
    assert 55 < counter.wait(limit, "alice") <= 60
    assert admitted(counter, limit, "alice", 20) == 0


def test_two_dozen_at_once_get_no_more_than_one_would(url: str) -> None:
    limit = slow(50)
    # Where Redis counts, a counter each: as many processes would have.
    counters = [Counter(url) for _ in range(24)] if url else [Counter(url)] * 24
    assert sum(race(24, lambda n: admitted(counters[n], limit, "alice", 5))) == 50


def test_afterwards_they_come_at_the_rate_and_no_faster(url: str) -> None:
    # A machine that stands still for longer than a burst takes to come back loses what comes then.
    limit, counter = Limit("test", burst=10, every=0.05, without_redis="closed"), Counter(url)
    started = time.monotonic()
    assert counter.wait(limit, "alice") == 0
    count, first, refused = 1, time.monotonic(), 0.0
    while time.monotonic() < first + 0.8:
        now = time.monotonic()
        if counter.wait(limit, "alice") == 0:
            count += 1
        else:
            refused = now
    # Redis has a clock of its own: a thousandth is neither gained nor lost.
    assert count <= 10 + (time.monotonic() - started + 0.001) / limit.every
    assert count >= 9 + (refused - first - 0.001) / limit.every


def test_who_waits_as_told_is_admitted_and_who_comes_sooner_is_not(url: str) -> None:
    limit, counter = Limit("test", burst=2, every=0.4, without_redis="closed"), Counter(url)
    assert admitted(counter, limit, "alice", 2) == 2
    told = counter.wait(limit, "alice")
    assert 0 < told <= 0.4
    assert counter.wait(limit, "alice") > 0
    time.sleep(told)
    assert counter.wait(limit, "alice") == 0


def test_people_and_limits_are_counted_apart(url: str) -> None:
    counter = Counter(url)
    one, other = (slow(1, name) for name in ("one", "other"))
    pairs = [(limit, who) for limit in (one, other) for who in ("alice", "Alice", "", "é\ud800")]
    assert [counter.wait(limit, who) for limit, who in pairs] == [0] * 8
    assert all(counter.wait(limit, who) > 0 for limit, who in pairs)


@needs_redis
def test_in_redis_nobody_is_named_and_nothing_stays() -> None:
    Counter(project.REDIS_URL).wait(slow(5), "10.9.8.7 alice")
    with redis.Redis.from_url(project.REDIS_URL, decode_responses=True) as client:
        (key,) = client.scan_iter(f"{project.REDIS_PREFIX}:limit:test:*")
        assert "alice" not in key and "10.9" not in key
        assert 0 < client.pttl(key) <= 60_000


def test_what_is_over_is_forgotten() -> None:
    buckets, limit = Buckets(), Limit("test", burst=1, every=1e-6, without_redis="open")
    for n in range(60_000):
        buckets.wait(f"{n}", limit)
    assert len(buckets._empty_at) < 51_000


def test_the_answer_says_whole_seconds_and_never_none(settings: Any) -> None:
    limits.check(Limit("test", burst=1, every=0.3, without_redis="closed"), "alice")
    with pytest.raises(RateLimited) as caught:
        limits.check(Limit("test", burst=1, every=0.3, without_redis="closed"), "alice")
    assert caught.value.retry_after == 1
    settings.RATE_LIMITS = False
    limits.check(Limit("test", burst=1, every=0.3, without_redis="closed"), "alice")


# --- without Redis ---------------------------------------------------------------------------


@pytest.fixture(params=["dead", "silent"])
def away(
    request: pytest.FixtureRequest, patient: float, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of a Redis that refuses connections, or takes them and then says nothing."""
    monkeypatch.setattr(limits, "PATIENCE", patient)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "dead":
            server.close()
        yield f"redis://127.0.0.1:{port}/0"


def test_while_redis_is_away_what_is_closed_still_refuses(away: str) -> None:
    counter, limit = Counter(away), slow(5)
    started = time.monotonic()
    assert admitted(counter, limit, "alice", 20) == 5
    assert time.monotonic() - started < 1


def test_while_redis_is_away_what_is_open_lets_pass(away: str) -> None:
    counter, limit = Counter(away), Limit("test", burst=5, every=60.0, without_redis="open")
    started = time.monotonic()
    assert admitted(counter, limit, "alice", 20) == 20
    assert time.monotonic() - started < 1


def test_nobody_waits_longer_because_all_come_at_once(away: str) -> None:
    counter, limit = Counter(away), slow(5)

    def timed(n: int) -> tuple[bool, float]:
        started = time.monotonic()
        return counter.wait(limit, "alice") == 0, time.monotonic() - started

    outcomes = race(24, timed)
    assert sum(passed for passed, _ in outcomes) == 5
    assert max(seconds for _, seconds in outcomes) < PROMPT


def test_requests_are_answered_while_redis_is_away(api: Client, alice: User, away: str) -> None:
    limits.counter = Counter(away)
    headers = bearer(alice)
    for n in range(32):
        started = time.monotonic()
        assert register(api) == (400 if n < 30 else 429)
        assert api.get("/users_list", headers=headers).status_code == 200
        assert time.monotonic() - started < PROMPT


@needs_redis
def test_once_redis_is_back_it_counts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PAUSE", 0.1)
    address = redis.Redis.from_url(project.REDIS_URL).connection_pool.connection_kwargs
    limit = Limit("test", burst=3, every=60.0, without_redis="open")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    counter = Counter(f"redis://127.0.0.1:{port}/0")
    assert admitted(counter, limit, "alice", 20) == 20
    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(
            target=relay, args=[server, (address["host"], address["port"])], daemon=True
        ).start()
        deadline = time.monotonic() + limits.PAUSE + 2
        while counter.wait(limit, "alice") == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert counter.wait(limit, "alice") > 0


def relay(server: socket.socket, target: tuple[str, int]) -> None:
    """What comes to `server` goes to `target`, and what comes back goes back."""

    def copy(source: socket.socket, drain: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                drain.sendall(data)
            drain.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    client, _ = server.accept()
    with client, socket.create_connection(target) as behind:
        back = threading.Thread(target=copy, args=[behind, client], daemon=True)
        back.start()
        copy(client, behind)
        back.join()


# --- over HTTP -------------------------------------------------------------------------------


@pytest.mark.parametrize("header", HEADERS)
def test_an_address_that_a_client_gives_itself_changes_nothing(api: Client, header: str) -> None:
    statuses = [register(api, **{header: f"10.0.0.{n}"}) for n in range(40)]
    assert statuses == [400] * 30 + [429] * 10


def test_behind_a_proxy_the_last_hop_counts(api: Client, settings: Any) -> None:
    settings.PROXIES = 1

    def attempt(n: int, last: str) -> int:
        return register(api, **{"X-Forwarded-For": f"10.0.{n}.1, 10.1.{n}.1, {last}"})

    assert [attempt(n, "192.0.2.1") for n in range(40)] == [400] * 30 + [429] * 10
    assert attempt(0, "192.0.2.2") == 400


def test_behind_two_proxies_the_last_but_one_counts(api: Client, settings: Any) -> None:
    settings.PROXIES = 2
    for n in range(40):
        hops = f"10.0.0.{n}, 192.0.2.1, 10.9.9.{n}"
        assert register(api, **{"X-Forwarded-For": hops}) == (400 if n < 30 else 429)


@pytest.mark.parametrize("hops", ["", ",", " , ,", "10.0.0.1"])
def test_who_comes_around_the_proxies_counts_by_his_own_address(
    api: Client, settings: Any, hops: str
) -> None:
    settings.PROXIES = 2
    statuses = [register(api, "192.0.2.7", **{"X-Forwarded-For": hops}) for _ in range(32)]
    assert statuses == [400] * 30 + [429] * 2
    assert register(api, "192.0.2.8") == 400


@pytest.mark.parametrize("path", ["/login", "/api/v1/auth/login"])
def test_who_guesses_is_stopped_and_the_owner_is_not(api: Client, alice: User, path: str) -> None:
    for n in range(10):
        # However it is written, it is one account.
        login = ("alice", "ALICE", " Alice ", "ａｌｉｃｅ")[n % 4]
        assert post(api, path, {"username": login, "password": "wrong-horse-7"}).status_code == 401
    right = {"username": "alice", "password": PASSWORD}
    stopped = post(api, path, right)
    assert (stopped.status_code, stopped.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(stopped["Retry-After"]) <= 20
    elsewhere = api.post(path, right, content_type="application/json", REMOTE_ADDR="192.0.2.1")
    assert elsewhere.status_code == 200


def test_who_tries_one_password_on_many_is_stopped_too(api: Client) -> None:
    statuses = [
        post(api, "/login", {"email": f"{n}@example.org", "password": PASSWORD}).status_code
        for n in range(35)
    ]
    assert statuses == [401] * 30 + [429] * 5


def test_of_many_guesses_at_once_no_more_get_through(alice: User) -> None:
    def guess(n: int) -> int:
        body = {"email": alice.email, "password": f"wrong-horse-{n}"}
        return int(post(Client(), "/login", body).status_code)

    assert sorted(race(24, guess)) == [401] * 10 + [429] * 14


def test_ordinary_requests_are_counted_by_account(
    api: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUESTS", slow(5))
    headers = [bearer(alice), bearer(alice)]
    statuses = [
        api.get("/users_list", headers=headers[n % 2], REMOTE_ADDR=f"192.0.2.{n}").status_code
        for n in range(8)
    ]
    assert statuses == [200] * 5 + [429] * 3
    assert api.get("/users_list", headers=bearer(bob)).status_code == 200


# --- frames of a socket ----------------------------------------------------------------------


def test_frames_have_a_burst_and_who_goes_on_regardless_is_cut_off() -> None:
    frames = FrameLimit("alice")
    assert all(frames.admit() for _ in range(frames.BURST))
    refusals = 0
    while not frames.abused:
        refusals += not frames.admit()
    assert refusals == frames.BURST + 1


def test_after_a_pause_frames_are_admitted_again() -> None:
    frames = FrameLimit("alice")
    while frames.admit():
        pass
    time.sleep(2 / frames.RATE)
    assert frames.admit() and frames.refused == 0
