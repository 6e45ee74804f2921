"""
Nothing that is secret gets into a log: neither at the most talkative level, nor when things fail.
Each canary is sent where it belongs and where it does not, over REST and all sockets.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from websockets.asyncio.client import ClientConnection

from accounts.models import User
from chats.models import Chat
from chats.services import add_member
from messenger.realtime.threads import in_db
from tests.live.broken import BREAK, BREAK_OUTSIDE
from tests.live.servers import PATIENCE, Server, closed, secrets_in, serving
from tests.people import PASSWORD, token

pytestmark = pytest.mark.once

WORDS = ("password", "wrong", "email", "text", "query", "cookie", "header", "name", "frame", "junk")
CANARIES = {word: f"canary-{word}-7Qx" for word in WORDS}
# A message with this in it is refused by the database, with the whole row in what it says.
REFUSED = "refused-by-the-database"


@asynccontextmanager
async def refusing() -> AsyncIterator[None]:
    """A database that refuses some messages as a constraint does."""
    if connection.vendor == "postgresql":
        make = (
            "ALTER TABLE messaging_message ADD CONSTRAINT no_refused"
            f" CHECK (content NOT LIKE '%{REFUSED}%') NOT VALID"
        )
        undo = "ALTER TABLE messaging_message DROP CONSTRAINT no_refused"
    else:
        make = (
            "CREATE TRIGGER no_refused BEFORE INSERT ON messaging_message"
            f" WHEN NEW.content LIKE '%{REFUSED}%' BEGIN SELECT RAISE(ABORT, 'no_refused'); END"
        )
        undo = "DROP TRIGGER no_refused"

    def carry_out(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    await in_db(carry_out, make)
    try:
        yield
    finally:
        await in_db(carry_out, undo)


# Requests that are none, around a canary.
RAW = (
    b"GET /?token=%s\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%s\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //%s]:x HTTP/1.1\r\nHost: [x\r\n\r\n",
    b"%s\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n%s\xff\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\n",
    b"GET /connect?token=%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: upgrade\r\nSec-WebSocket-Version: 7\r\n\r\n",
    b"GET /connect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: %s\r\n\r\n",
)


class Sent:
    """What has been sent that must not be found: the canaries, and what the server gave out."""

    def __init__(self, server: Server) -> None:
        self.secrets = list(CANARIES.values())
        self.url = server.url
        self.http = httpx.AsyncClient(
            base_url=server.url,
            headers={"X-Odd": CANARIES["header"]},
            cookies={"sessionid": CANARIES["cookie"]},
            params={"token": CANARIES["query"]},
        )

    async def rest(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.http.request(method, path, json=body, **more)

    def found_in(self, log: str) -> list[str]:
        return [secret for secret in self.secrets if secret in log]


async def sign_in(sent: Sent, name: str) -> dict[str, str]:
    account = {"email": f"{CANARIES['email']}.{name}@example.org", "password": CANARIES["password"]}
    made = await sent.rest("POST", "/api/v1/auth/register", {**account, "name": CANARIES["name"]})
    assert made.status_code == 201, made.text
    for path in ("/login", "/auth/login", "/api/v1/auth/login"):
        wrong = {**account, "password": CANARIES["wrong"]}
        assert (await sent.rest("POST", path, wrong)).status_code == 401
    # Twice the same, which the database refuses in the end.
    again = await sent.rest("POST", "/api/v1/auth/register", {**account, "name": "x"})
    assert again.status_code in (400, 409)
    pair = (await sent.rest("POST", "/api/v1/auth/login", account)).json()
    fresh = (
        await sent.rest("POST", "/api/v1/auth/refresh", {"refresh": pair["refresh_token"]})
    ).json()
    sent.secrets += [
        one[token] for one in (pair, fresh) for token in ("access_token", "refresh_token")
    ]
    return {
        "access": fresh["access_token"],
        "refresh": fresh["refresh_token"],
        "email": account["email"],
    }


async def talk(client: ClientConnection, frames: list[Any]) -> None:
    """Send frames, until the database has refused one and no command was the last."""
    for frame in frames:
        await client.send(frame if isinstance(frame, str) else json.dumps(frame))
    expected = {"internal_error", "unknown_command"}
    async with asyncio.timeout(PATIENCE):
        while expected:
            said = str(await client.recv())
            expected = {code for code in expected if code not in said}


async def send_raw(port: int, request: bytes) -> None:
    """What no client would send; whatever is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    try:
        async with asyncio.timeout(PATIENCE):
            await reader.read()
    except ConnectionError:
        pass
    writer.close()


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
async def test_no_secret_gets_into_a_log(
    kind: str, alice: User, group: Chat, tmp_path: Path
) -> None:
    text, refused = CANARIES["text"], f"{REFUSED} {CANARIES['text']}"
    settings = {"DJANGO_SETTINGS_MODULE": "tests.live.broken", "LOG_LEVEL": "DEBUG"}
    with serving(tmp_path, kind, **settings) as server:
        sent = Sent(server)
        async with sent.http:
            own = await sign_in(sent, "one")
            person = await in_db(lambda: User.objects.get(email=own["email"]))
            await in_db(lambda: add_member(alice, chat=group, user=person))
            bearer = {"Authorization": f"Bearer {own['access']}"}

            async def send(content: str) -> None:
                body = {"chat_id": group.id, "text": content, "content": content}
                for path in ("/messages/send", "/api/v1/messages"):
                    answer = await sent.rest("POST", path, body, headers=bearer)
                    assert answer.status_code == (500 if REFUSED in content else 201), answer.text

            await send(text)
            # Failures over REST: junk, addresses with a token in them, an admin's login.
            for content in (
                b'{"text": "%s' % text.encode(),
                text.encode(),
                b"\xff" + text.encode(),
            ):
                await sent.http.post("/messages/send", content=content, headers=bearer)
            for path in (f"/ws/chat/{own['access']}", f"/nothing/{text}", f"/messages/chat/{text}"):
                await sent.rest("GET", path, headers=bearer)
            await sent.rest("GET", "/auth/me", headers={"Authorization": f"Bearer {text}"})
            await sent.rest("GET", "/", headers={"Host": "elsewhere.example"})
            form = {"username": own["email"], "password": CANARIES["wrong"]}
            await sent.http.post("/admin/login/", data=form)

            ticket = (await sent.rest("POST", "/api/v1/auth/ws-ticket", headers=bearer)).json()
            sent.secrets.append(ticket["ticket"])

            mine = [
                {"action": "send_message", "chat_id": group.id, "text": text},
                {"action": "send_message", "chat_id": group.id, "text": {"x": text}},
                f'{{"action": "{text}',
                "\u0000" + CANARIES["frame"],
            ]
            native = [
                {"event": "message.send", "data": {"chat_id": group.id, "content": text}},
                {"event": "message.send", "data": {"chat_id": text, "content": text}},
                {"event": "auth.refresh", "data": {"token": CANARIES["junk"]}, "request_id": 1},
                {"event": "resume", "data": {"chats": {text: text}}},
            ]
            roulette = [
                {"type": "message.send", "chat_id": str(group.uuid), "payload": {"content": text}},
                {"type": "message.send", "chat_id": text, "payload": text},
            ]
            other = [
                {"type": "private_message", "user_id": alice.id, "text": text},
                {"type": "typing", "chat_id": text, "is_typing": text},
            ]
            broken: dict[str, list[Any]] = {
                f"/connect?token={own['access']}": [
                    {"action": "send_message", "chat_id": group.id, "text": refused},
                    {"action": text},
                ],
                f"/api/v1/ws?ticket={ticket['ticket']}": [
                    {"event": "message.send", "data": {"chat_id": group.id, "content": refused}},
                    {"event": text},
                ],
                f"/ws/chat/{own['access']}": [
                    {"type": "private_message", "user_id": alice.id, "text": refused},
                    {"type": text},
                ],
                f"/ws?token={own['access']}": [
                    {
                        "type": "message.send",
                        "chat_id": str(group.uuid),
                        "payload": {"content": refused},
                    },
                    {"type": text},
                ],
            }
            fine: list[list[Any]] = [mine, native, other, roulette]
            async with refusing():
                await send(refused)
                for (path, frames), before in zip(broken.items(), fine, strict=True):
                    async with server.open(path) as client:
                        await talk(client, [*before, *frames])
            for path in (f"/connect?token={text}", f"/ws/chat/{text}", f"/api/v1/ws?ticket={text}"):
                async with server.open(path) as client:
                    assert await closed(client) == 4401

            for request in RAW:
                await send_raw(server.port, request % CANARIES["junk"].encode())

            # Failures of our own, which say all that they were given.
            body = {"text": text, "password": CANARIES["password"], "refresh": own["refresh"]}
            for path in (BREAK, BREAK_OUTSIDE):
                answer = await sent.rest("POST", path, body, headers=bearer)
                assert answer.status_code == 500
                assert text not in answer.text and own["access"] not in answer.text
        server.stop()
        log = server.log.read_text(errors="replace")
    # It failed in all of these ways, and said so.
    for word in ("RuntimeError", "ValueError", "broken.py", "IntegrityError", "no_refused"):
        if word != "no_refused" or connection.vendor == "postgresql":
            assert word in log, log
    assert sent.found_in(log) == []


def test_every_server_of_the_tests_is_searched_for_secrets(alice: User) -> None:
    access = token(alice)
    assert secrets_in(f"GET /?token={access} 404\n{PASSWORD}!") == [access, PASSWORD]
    assert secrets_in("an ordinary line with eyJ in it") == []
