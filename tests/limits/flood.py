"""
`python -m tests.limits.flood`: what a flood of logins does to people who chat, in figures.

Two processes of the server on a PostgreSQL and a Redis of their own. Two people, one on each, send
each other messages at a steady rate while, in turns, nothing else happens and logins come in from
many addresses, so that no address meets its limit; half are of people who exist. What counts is
the time from sending a message until the other one has it.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.faults.cluster import Cluster

PASSWORD = "correct-horse-7"
# Addresses that the flood comes from, and people it knows by name.
ADDRESSES = 1000
KNOWN = 20
# Seconds that a client of the flood waits for its answer.
PATIENCE = 30.0


async def request(
    url: str, method: str, path: str, body: Any, *, address: str = "127.0.0.1", token: str = ""
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a request that comes from `address`, one of 127.0.0.0/8."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, local_addr=(address, 0)
    )
    try:
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *([f"Authorization: Bearer {token}"] if token else []),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        answer = await reader.read()
    finally:
        writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    first, *others = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (o.partition(":") for o in others)}
    if headers.get("transfer-encoding") == "chunked":
        chunks, rest = rest, b""
        while size := int(chunks.partition(b"\r\n")[0], 16):
            chunks = chunks.partition(b"\r\n")[2]
            rest, chunks = rest + chunks[:size], chunks[size + 2 :]
    return int(first.split()[1]), headers, rest


# --- the flood: a process of its own, so that its work is not taken for the server's -------------


def addresses() -> Iterator[str]:
    return cycle(f"127.1.{n // 250}.{n % 250 + 1}" for n in range(ADDRESSES))


async def flood(urls: list[str], rate: float, seconds: float) -> dict[str, Any]:
    """Log in `rate` times a second. How many were answered how, and the milliseconds it took."""
    statuses: Counter[str] = Counter()
    took: list[float] = []

    async def attempt(number: int, address: str) -> None:
        name = f"known{number % KNOWN}" if number % 2 else f"nobody{number}"
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                body = {"username": name, "password": f"wrong-horse-{number}"}
                status, headers, _ = await request(
                    urls[number % len(urls)], "POST", "/login", body, address=address
                )
            honest = status not in (429, 503) or headers.get("retry-after", "").isdecimal()
            statuses[str(status) if honest else f"{status} without Retry-After"] += 1
            took.append(time.monotonic() - began)
        except (OSError, TimeoutError, IndexError) as error:
            statuses[type(error).__name__] += 1

    # Where the attacker's machine is this one, it must not take the server's time.
    os.nice(10)
    print("ready", flush=True)
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number, address in zip(range(int(rate * seconds)), addresses(), strict=False):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            tasks.create_task(attempt(number, address))
    return {"statuses": statuses, "p50": share(took, 0.5), "p99": share(took, 0.99)}


# --- the people ---------------------------------------------------------------------------------


def share(values: list[float], part: float) -> float:
    """The milliseconds that this part of the values, in seconds, does not exceed."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@dataclass
class Talk:
    """Two sockets in one chat, and how long each message of theirs took."""

    sockets: list[ClientConnection]
    chat: int
    sent: dict[str, float] = field(default_factory=dict)
    acknowledged: dict[str, float] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)

    async def listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame, now = json.loads(text), time.monotonic()
            data = frame.get("data", {})
            if frame["action"] == "new_message":
                self.heard[data["text"]] = now
            elif frame["action"] == "message_sent":
                self.acknowledged[data["text"]] = now
            elif frame["action"] == "error":
                raise AssertionError(frame)

    async def go_on(
        self, name: str, rate: float, seconds: float
    ) -> tuple[list[float], list[float]]:
        """Send in turns, `rate` messages a second; seconds to each ack, and to each arrival."""
        began, keys = time.monotonic(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            key = f"{name}-{number}"
            keys.append(key)
            frame = {
                "action": "send_message",
                "chat_id": self.chat,
                "text": key,
                "client_message_id": key,
            }
            # What could not be sent in time because the socket was full counts, too.
            self.sent[key] = began + number / rate
            await self.sockets[number % 2].send(json.dumps(frame))
        until = time.monotonic() + PATIENCE
        while not all(key in self.heard and key in self.acknowledged for key in keys):
            assert time.monotonic() < until, "a message was lost"
            await asyncio.sleep(0.05)
        return (
            [self.acknowledged[key] - self.sent[key] for key in keys],
            [self.heard[key] - self.sent[key] for key in keys],
        )


async def sign_up(url: str, name: str) -> tuple[str, str]:
    """A new person: their UUID and an access token."""
    email = f"{name}@example.org"
    account = {"name": name, "username": name, "email": email, "password": PASSWORD}
    status, _, body = await request(url, "POST", "/api/v1/auth/register", account)
    assert status == 201, body
    person = json.loads(body)
    status, _, body = await request(url, "POST", "/login", {"username": name, "password": PASSWORD})
    assert status == 200, body
    return str(person.get("uuid") or person.get("user_uuid")), json.loads(body)["token"]


async def measure(server: str, rate: float, talk_rate: float, seconds: float, rounds: int) -> None:
    async with Cluster(Path(tempfile.mkdtemp()), server=server) as cluster:
        urls = [app.url for app in cluster.apps]
        people = [await sign_up(urls[n], name) for n, name in enumerate(("alice", "boris"))]
        for number in range(KNOWN):
            account = {"name": "x", "email": f"known{number}@example.org", "password": PASSWORD}
            status, _, body = await request(urls[0], "POST", "/register", account)
            assert status == 201, body
        sockets = [
            await connect(
                url.replace("http", "ws") + "/connect",
                additional_headers={"Authorization": f"Bearer {token}"},
            )
            for url, (_, token) in zip(urls, people, strict=True)
        ]
        for socket in sockets:
            assert json.loads(await socket.recv())["action"] == "unread_messages"
        create = {"action": "create_chat", "type": "private", "user_ids": [people[1][0]]}
        await sockets[0].send(json.dumps(create))
        chat = json.loads(await sockets[0].recv())["data"]["id"]
        assert json.loads(await sockets[1].recv())["action"] == "chat_created"
        talk = Talk(sockets, chat)
        listeners = [asyncio.create_task(talk.listen(socket)) for socket in sockets]
        await talk.go_on("warm", talk_rate, 3)

        times: dict[str, tuple[list[float], list[float]]] = {"quiet": ([], []), "flood": ([], [])}
        for number in range(rounds):
            for kind, (acks, arrivals) in times.items():
                flooder = None
                if kind == "flood":
                    options = [f"--rate={rate}", f"--seconds={seconds}", "--urls", *urls]
                    flooder = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", __spec__.name, *options),
                        stdout=asyncio.subprocess.PIPE,
                    )
                    assert flooder.stdout is not None
                    assert await flooder.stdout.readline() == b"ready\n"
                found = await talk.go_on(f"{kind}-{number}", talk_rate, seconds)
                acks += found[0]
                arrivals += found[1]
                if flooder is not None:
                    output, _ = await flooder.communicate()
                    print(f"{kind} {number}: {output.decode().strip()}")
        for listener in listeners:
            assert not listener.done(), listener.result()
            listener.cancel()
        for socket in sockets:
            await socket.close()

    print(
        f"{server}, {rate:.0f} logins/s beside {talk_rate:.0f} messages/s, {rounds} x {seconds} s"
    )
    for what, position in (("acknowledged", 0), ("arrived", 1)):
        quiet, flooded = times["quiet"][position], times["flood"][position]
        for kind, values in (("quiet", quiet), ("flood", flooded)):
            print(
                f"  {what} {kind}: n {len(values)}, p50 {share(values, 0.5):.1f} ms,"
                f" p99 {share(values, 0.99):.1f} ms, mean {1000 * statistics.mean(values):.1f} ms"
            )
        print(f"  {what}: p99 of the flood / quiet {share(flooded, 0.99) / share(quiet, 0.99):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="logins a second")
    parser.add_argument("--talk", type=float, default=20, help="messages a second")
    parser.add_argument("--seconds", type=float, default=20, help="of each turn")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each kind")
    parser.add_argument("--server", default="daphne", choices=["daphne", "uvicorn"])
    parser.add_argument("--urls", nargs="+", help="only be the flood, against these servers")
    options = parser.parse_args()
    if options.urls:
        found = asyncio.run(flood(options.urls, options.rate, options.seconds))
        print(json.dumps(found))
    else:
        asyncio.run(
            measure(options.server, options.rate, options.talk, options.seconds, options.rounds)
        )


if __name__ == "__main__":
    main()
