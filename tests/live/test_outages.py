"""PostgreSQL and Redis go away, hang and come back, under two processes of the server."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import ClientConnection, connect

from tests.faults.cluster import App, Cluster
from tests.faults.matrix.postgres import locked
from tests.faults.services import Missing
from tests.faults.world import Person, World, make_world
from tests.live.servers import closed

pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
]
Answer = tuple[int, dict[str, str], Any]
# As many as ask at the same moment.
callers = ThreadPoolExecutor(20)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two processes, without the proxies."""
    try:
        cluster = Cluster(tmp_path_factory.mktemp("outages"))
    except Missing as missing:
        pytest.skip(str(missing))
    try:
        cluster.postgres.start()
        cluster.redis.start()
        asyncio.run(start(cluster))
        yield cluster
    finally:
        for app in cluster.apps:
            app.kill()
        for service in (cluster.postgres, cluster.redis):
            service.thaw()
            service.close()


async def start(cluster: Cluster) -> None:
    await cluster.manage("migrate", "--verbosity", "0")
    for app in cluster.apps:
        app.spawn()
    for app in cluster.apps:
        await app.listening()


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> World:
    return asyncio.run(make_world(cluster, "outages", chats=2, members=3))


def native(app: App, person: Person) -> connect:
    headers = {"Authorization": f"Bearer {person.token}"}
    return opened(app, "/api/v1/ws", additional_headers=headers)


def opened(app: App, path: str, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{app.port}{path}", ping_interval=None, **options)


async def ask(client: ClientConnection, frame: dict[str, Any], word: str) -> Any:
    """Send, and the first frame from then on with this word in it."""
    await client.send(json.dumps(frame))
    return await hear(client, word)


async def hear(client: ClientConnection, word: str) -> Any:
    while word not in (heard := str(await client.recv())):
        pass
    return json.loads(heard)


async def ping(client: ClientConnection) -> None:
    said = await ask(client, {"event": "ping", "request_id": "ping"}, '"ping"')
    assert said["event"] == "ack"


async def request(
    app: App, path: str, person: Person | None = None, body: Any = None, method: str = ""
) -> Answer:
    """The status, the headers and the body, which is JSON or text."""

    def go() -> Answer:
        # A session, which is in the database, for pages that want one.
        headers = {"Content-Type": "application/json", "Cookie": f"sessionid={'a' * 32}"}
        if person is not None:
            headers["Authorization"] = f"Bearer {person.token}"
        data = json.dumps(body).encode() if body is not None else None
        wanted = urllib.request.Request(app.url + path, data, headers, method=method or None)
        try:
            with urllib.request.urlopen(wanted, timeout=30) as response:
                return response.status, dict(response.headers), response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), json.load(error)

    return await asyncio.get_running_loop().run_in_executor(callers, go)


def message(person: Person, text: str) -> dict[str, Any]:
    data = {"chat_id": person.chat, "content": text, "client_message_id": text}
    return {"event": "message.send", "data": data, "request_id": text}


async def send(client: ClientConnection, person: Person, text: str) -> None:
    said = await ask(client, message(person, text), f'"request_id":"{text}"')
    assert said["event"] == "ack", said


async def test_without_a_database_all_is_put_off_nobody_is_cut_off_and_it_comes_back_by_itself(
    cluster: Cluster, world: World
) -> None:
    one, two = cluster.apps
    alice, bob, carol = next(iter(world.chats.values()))
    bearer = {"Authorization": f"Bearer {bob.token}"}
    chat = bob.chat
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(native(one, alice))
        commands: dict[ClientConnection, dict[str, Any]] = {
            await stack.enter_async_context(opened(two, "/connect", additional_headers=bearer)): {
                "action": "send_message",
                "chat_id": chat,
                "text": "x",
            },
            await stack.enter_async_context(opened(two, f"/ws/chat/{bob.token}")): {
                "type": "subscribe_chat",
                "chat_id": chat,
            },
            await stack.enter_async_context(opened(two, "/ws", additional_headers=bearer)): {
                "type": "message.send",
                "payload": {"chat_id": chat, "content": "x"},
            },
            a: message(alice, "never stored"),
        }
        for client in commands:
            # It has been let in.
            nothing = {"event": "nothing", "action": "nothing", "type": "nothing"}
            await ask(client, nothing, '"unknown_command"')
        cluster.postgres.kill()
        try:
            for client, command in commands.items():
                await ask(client, command, '"unavailable"')
            for _ in range(20):
                await ping(a)
            async with native(two, carol) as late:
                assert await closed(late) == 1013
            for path, person, body, method in (
                ("/api/v1/chats", alice, None, "GET"),
                ("/api/v1/messages", alice, {"chat_id": chat, "content": "x"}, "POST"),
                ("/chats/", bob, None, "GET"),
                ("/messages/send", bob, {"chat_id": chat, "text": "x"}, "POST"),
                ("/users_list", carol, None, "GET"),
                ("/login", None, {"email": "a@example.org", "password": "x"}, "POST"),
                ("/api/v1/auth/ws-ticket", alice, None, "POST"),
                ("/admin/login/", None, None, "GET"),
                ("/admin/", None, None, "GET"),
                ("/", None, None, "GET"),
                ("/sign-in", None, None, "GET"),
            ):
                status, headers, said = await request(one, path, person, body, method)
                assert (status, said.get("code")) == (503, "unavailable"), (path, said)
                assert int(headers["Retry-After"]) >= 1
            for path in ("/about", "/docs", "/docs/ws", "/docs/openapi.json", "/healthz"):
                assert (await request(one, path))[0] == 200, path
        finally:
            await asyncio.to_thread(cluster.postgres.start)
        # Each thread had a connection. None of them costs anybody a request.
        tried = [request(app, "/api/v1/chats", alice) for app in cluster.apps for _ in range(20)]
        assert {status for status, _, _ in await asyncio.gather(*tried)} == {200}
        for number in range(5):
            await send(a, alice, f"back {number}")
        for client in commands:
            if client is not a:
                assert client.close_code is None
        # What was refused can be sent again.
        await send(a, alice, "never stored")
        _, _, said = await request(two, f"/api/v1/messages?chat_id={chat}&limit=50", alice)
        assert said.count('"never stored"') == 1, said
        await cluster.ready(15)


async def test_a_frozen_database_holds_up_only_what_needs_it(
    cluster: Cluster, world: World
) -> None:
    one, two = cluster.apps
    alice, bob, carol = next(iter(world.chats.values()))
    async with native(one, alice) as a, native(one, bob) as b, native(two, carol) as c:
        for client in (a, b, c):
            await ping(client)
        cluster.postgres.freeze()
        try:
            sent = asyncio.create_task(send(a, alice, "frozen"))
            read = [asyncio.create_task(request(one, "/api/v1/chats", bob)) for _ in range(30)]
            await asyncio.sleep(0.3)
            for _ in range(20):
                await ping(b)
                await ping(c)
            assert not sent.done()
        finally:
            cluster.postgres.thaw()
        await sent
        assert {status for status, _, _ in await asyncio.gather(*read)} == {200}
        await hear(c, '"frozen"')


async def test_sessions_that_the_database_ends_fail_no_request(
    cluster: Cluster, world: World
) -> None:
    one, two = cluster.apps
    alice, *_ = next(iter(world.chats.values()))
    async with native(one, alice) as a:
        for number in range(3):
            await send(a, alice, f"before {number}")
            cluster.postgres.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                # What is under way may fail.
                " AND state = 'idle'"
            )
            tried = [request(app, "/api/v1/chats", alice) for app in (one, two) for _ in range(10)]
            assert {status for status, _, _ in await asyncio.gather(*tried)} == {200}
            await send(a, alice, f"after {number}")


async def test_a_chat_whose_row_is_stuck_holds_up_no_other(cluster: Cluster, world: World) -> None:
    one, _ = cluster.apps
    (stuck, [alice, *_]), (other, [bob, *_]) = world.chats.items()
    clock = asyncio.get_running_loop().time

    async def post(chat: int, person: Person) -> tuple[int, float, str]:
        body = {"chat_id": chat, "content": "x"}
        began = clock()
        status, headers, _ = await request(one, "/api/v1/messages", person, body)
        return status, clock() - began, headers.get("Retry-After", "")

    # A process's first requests take long.
    for chat, person in ((stuck, alice), (other, bob)):
        assert (await post(chat, person))[0] == 201
    with locked(cluster.postgres, stuck):
        waiting = [asyncio.create_task(post(stuck, alice)) for _ in range(12)]
        await asyncio.sleep(0.3)
        for _ in range(5):
            status, took, _ = await post(other, bob)
            assert status == 201 and took < 1.5
        refused = await asyncio.gather(*waiting)
    assert {(status, wait) for status, _, wait in refused} == {(503, "1")}
    assert (await post(stuck, alice))[0] == 201
    # Who came shortly before it is free again is served then, without asking again.
    with locked(cluster.postgres, stuck):
        waiting = [asyncio.create_task(post(stuck, alice)) for _ in range(12)]
        await asyncio.sleep(0.3)
    assert {status for status, _, _ in await asyncio.gather(*waiting)} == {201}


@pytest.mark.parametrize("trouble", ["killed", "frozen", "cut off", "full"])
async def test_whatever_becomes_of_redis_messages_are_stored_and_cross_and_nobody_is_refused(
    trouble: str, cluster: Cluster, world: World
) -> None:
    one, two = cluster.apps
    alice, bob, _ = next(iter(world.chats.values()))
    clock = asyncio.get_running_loop().time
    async with native(one, alice) as a, native(two, bob) as b:
        await ping(a)
        await ping(b)
        await cluster.ready(15)
        with cluster.redis.client() as redis:
            match trouble:
                case "killed":
                    cluster.redis.kill()
                case "frozen":
                    cluster.redis.freeze()
                case "cut off":
                    redis.client_kill_filter(_type="pubsub", skipme=True)
                case "full":
                    redis.config_set("maxmemory", "100kb")
        try:
            began = clock()
            await send(a, alice, f"at once {trouble}")
            await hear(b, f'"at once {trouble}"')
            # A second is usual. It is by the log, while there is nothing else to bring it.
            assert clock() - began < 6
            for path in ("/api/v1/chats", "/users_list"):
                assert (await request(two, path, bob))[0] == 200
            await send(a, alice, f"later {trouble}")
            await hear(b, f'"later {trouble}"')
        finally:
            cluster.redis.thaw()
            if trouble == "killed":
                await asyncio.to_thread(cluster.redis.start)
            with cluster.redis.client() as redis:
                redis.config_set("maxmemory", "0")
        await cluster.ready(30)
        # Nobody was told anything twice, or lost the line.
        await send(a, alice, f"afterwards {trouble}")
        said = await hear(b, f" {trouble}")
        assert said["data"]["content"] == f"afterwards {trouble}"
