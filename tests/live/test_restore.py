"""
A backup that is older than what clients have seen: dumped, restored into a new database, served.
Clients that know more than it does are told to load anew, and go on from there.
"""

import json
import os
import subprocess
import sys
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from websockets.asyncio.client import ClientConnection

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.faults.services import Missing, program
from tests.live.servers import database_url, get, serving
from tests.people import token
from tests.sockets import Socket, nodus

pytestmark = [
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
]


def run(name: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs."""
    subprocess.run([program(name), *arguments], check=True, capture_output=True)


def dump(path: Path) -> None:
    try:
        run("pg_dump", "--format=custom", f"--file={path}", f"--dbname={database_url()}")
    except Missing as error:
        pytest.skip(str(error))


def restore(path: Path, url: str) -> None:
    """Into a new database at `url`."""
    name = urlsplit(url).path[1:]
    with psycopg.connect(database_url(), autocommit=True) as server:
        # The locale is part of what is restored: see messenger.E001.
        server.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 LC_CTYPE 'C.UTF-8'")
    run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(path))


def drop(url: str) -> None:
    with psycopg.connect(database_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')


async def say(client: ClientConnection, chat: Chat, text: str) -> dict[str, Any]:
    """Send one message; the frame that acknowledges it."""
    data = {"chat_id": chat.id, "content": text, "client_message_id": text}
    await client.send(json.dumps({"event": "message.send", "data": data, "request_id": text}))
    while (frame := await get(client)).get("request_id") != text:
        pass
    assert frame["event"] == "ack", frame
    return dict(frame["data"])


async def resume(client: ClientConnection, chat: Chat, seq: int) -> list[dict[str, Any]]:
    """What is told of the chat, up to the frame which says that all has been."""
    frame = {"event": "resume", "data": {"chats": {str(chat.id): seq}}, "request_id": "r"}
    await client.send(json.dumps(frame))
    frames = []
    while (told := await get(client))["event"] != "resumed":
        # Who is online has no place in the chat.
        if told["event"] == "reset" or "seq" in told:
            frames.append(told)
    return frames


async def test_who_has_seen_more_than_the_backup_loads_anew(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    where = "/api/v1/ws"
    # Tokens of the time before the backup: sign-ins are in it, too.
    headers = [{"Authorization": f"Bearer {await in_db(token, user)}"} for user in (alice, bob)]
    url = f"{database_url()}_restored"
    backup = tmp_path / "backup.dump"
    try:
        with serving(tmp_path) as server:
            async with server.open(where, additional_headers=headers[0]) as a:
                kept = [await say(a, group, f"kept {number}") for number in range(5)]
                await in_db(dump, backup)
                lost = [await say(a, group, f"lost {number}") for number in range(3)]
        await in_db(restore, backup, url)
        checked = subprocess.run(
            [sys.executable, "manage.py", "check", "--database", "default"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": url},
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stderr
        with serving(tmp_path, DATABASE_URL=url) as server:
            async with (
                server.open(where, additional_headers=headers[0]) as a,
                server.open(where, additional_headers=headers[1]) as b,
            ):
                # Who was away since before the backup has missed nothing.
                missed = await resume(b, group, kept[1]["seq"])
                assert [frame["seq"] for frame in missed] == [one["seq"] for one in kept[2:]]
                # Who has seen what is gone is told so, and where the chat is now.
                (told,) = await resume(a, group, lost[-1]["seq"])
                assert told["event"] == "reset" and told["data"] == {
                    "chat_id": group.id,
                    "reason": "ahead",
                    "seq": kept[-1]["seq"],
                }
                # It goes on with numbers that were given out before, to other messages.
                again = await say(a, group, "afterwards")
                assert again["seq"] == lost[0]["seq"]
                heard = await get(b)
                while heard.get("event") != "message.created":
                    heard = await get(b)
                assert heard["data"]["content"] == "afterwards"
                # What was lost and is sent again, under its own name, is stored now.
                assert (await say(a, group, "lost 0"))["seq"] == again["seq"] + 1
                # What was kept is not stored twice.
                assert (await say(a, group, "kept 0"))["id"] == kept[0]["id"]
        assert await in_db(Message.objects.count) == 8
    finally:
        await in_db(drop, url)
        assert connection.vendor == "postgresql"


async def test_after_the_command_nobody_takes_other_messages_for_those_that_were_lost(
    alice: User, bob: User, group: Chat
) -> None:
    async def resume(socket: Socket, seq: int) -> Any:
        await socket.send({"event": "resume", "data": {"chats": {str(group.id): seq}}})
        return await socket.get()

    await in_db(partial(call_command, "restored", verbosity=0, stdout=StringIO()))
    async with nodus(alice) as a, nodus(bob) as b:
        # Since the backup he had seen as much as happens now.
        for number in range(3):
            data = {"chat_id": group.id, "content": f"{number}"}
            await a.send({"event": "message.send", "data": data, "request_id": number})
            await a.until(event="ack", request_id=number)
            heard = await b.get(event="message.created")
            assert heard["prev_seq"] == heard["seq"] - 1
        told = await resume(b, 3)
        assert told["event"] == "reset" and told["data"]["reason"] == "too_far"
        assert told["data"]["seq"] == heard["seq"]
