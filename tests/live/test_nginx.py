"""
`docker/nginx.conf` in a real nginx, before two processes: REST and sockets, addresses that nobody
can make up, and a rolling restart that loses nothing.

Only where there is an nginx, and with FAULTS=full: it takes about half a minute.
"""

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.live import servers
from tests.live.servers import Server, serving
from tests.people import token
from tests.ports import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
    pytest.mark.skipif(NGINX is None, reason="there is no nginx"),
    pytest.mark.skipif(os.environ.get("FAULTS") != "full", reason="only with FAULTS=full"),
]

# As in docs/deployment.md, for processes that have addresses and no name in Docker's network.
UPSTREAM = """upstream app {{
    zone app 64k;
    least_conn;
    server 127.0.0.1:{0} fail_timeout=2s;
    server 127.0.0.1:{1} fail_timeout=2s;
}}"""
TLS = """
server {{
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    access_log {folder}/tls.log quiet;
    location / {{{location}}}
}}
"""


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[tuple[int, int]]:
    """The project's configuration before these processes; its ports, plain and TLS."""
    assert NGINX is not None
    port, tls = free_port(), free_port()
    text = (settings.BASE_DIR / "docker" / "nginx.conf").read_text()
    text = re.sub(r"resolver .*\n", "", text)
    text = re.sub(r"upstream app \{.*?\n\}", UPSTREAM.format(*ports), text, flags=re.DOTALL)
    found = re.search(r"location / \{(.*?)\n    \}", text, flags=re.DOTALL)
    assert found is not None
    text += TLS.format(tls=tls, folder=folder, location=found[1])
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    text = text.replace("/dev/stdout", f"{folder}/access.log")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{\n{text}\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(whole)])
    try:
        until = time.monotonic() + servers.PATIENCE
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx.HTTPError:
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.05)
        yield port, tls
    finally:
        process.terminate()
        process.wait()


class Processes:
    """Two processes on ports that they keep when they are started again."""

    def __init__(self, folder: Path, monkeypatch: Any, **environment: str) -> None:
        self.folder, self.patch, self.environment = folder, monkeypatch, environment
        self.ports = [free_port(), free_port()]
        self.kinds = ["daphne", "uvicorn"]
        self.running: dict[int, tuple[Server, ExitStack]] = {}

    def start(self, number: int) -> Server:
        self.patch.setattr(servers, "free_port", lambda: self.ports[number])
        stack = ExitStack()
        server = stack.enter_context(
            serving(self.folder, self.kinds[number], PROXIES="1", **self.environment)
        )
        until = time.monotonic() + servers.STARTING
        while server.get("/readyz") != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        self.running[number] = server, stack
        return server

    def stop(self, number: int) -> int:
        server, stack = self.running.pop(number)
        code = server.stop()
        stack.close()
        return code

    def close(self) -> None:
        for _, stack in self.running.values():
            stack.close()


class Listener:
    """A native client: it comes back by itself and resumes, and keeps all that it is told."""

    def __init__(self, url: str, access: str, chat: Chat) -> None:
        self.url, self.access, self.chat = url, access, chat
        self.seqs: list[int] = [2]
        self.texts: list[str] = []
        self.codes: list[int | None] = []

    async def run(self) -> None:
        while True:
            headers = {"Authorization": f"Bearer {self.access}"}
            try:
                async with connect(f"{self.url}/api/v1/ws", additional_headers=headers) as socket:
                    known = {str(self.chat.id): self.seqs[-1]}
                    await socket.send(json.dumps({"event": "resume", "data": {"chats": known}}))
                    async for text in socket:
                        self.hear(json.loads(text))
                    self.codes.append(socket.close_code)
            except ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else None)
            except (OSError, InvalidStatus, EOFError):
                await asyncio.sleep(0.05)

    def hear(self, frame: dict[str, Any]) -> None:
        assert frame["event"] != "reset", frame
        # What is not the next comes again, or `resume` brings what is between.
        if frame.get("prev_seq") == self.seqs[-1]:
            self.seqs.append(frame["seq"])
            self.texts.append(frame["data"]["content"])


def test_a_rolling_restart_behind_nginx_loses_nothing(
    alice: User, bob: User, group: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By itself: it may take longer than other tests.
    asyncio.run(roll(alice, bob, group, tmp_path, monkeypatch))


async def roll(
    alice: User, bob: User, group: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = Processes(tmp_path, monkeypatch, RATE_LIMITS="off")
    try:
        for number in (0, 1):
            await asyncio.to_thread(processes.start, number)
        with nginx(tmp_path, processes.ports) as (port, _):
            access = [await in_db(token, user) for user in (alice, bob, bob)]
            group_seq = await in_db(lambda: Chat.objects.get(id=group.id).last_seq)
            listeners = [
                Listener(f"ws://127.0.0.1:{port}", access[number], group) for number in (1, 2)
            ]
            for listener in listeners:
                listener.seqs = [group_seq]
            listening = [asyncio.create_task(listener.run()) for listener in listeners]
            sent: list[str] = []
            answers: list[int] = []
            stopping = asyncio.Event()

            async def write() -> None:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                    while not stopping.is_set():
                        text = f"{len(sent)}"
                        body = {"chat_id": group.id, "content": text, "client_message_id": text}
                        sent.append(text)
                        while True:
                            answer = await http.post(
                                "/api/v1/messages",
                                json=body,
                                headers={"Authorization": f"Bearer {access[0]}"},
                            )
                            answers.append(answer.status_code)
                            if answer.status_code in (200, 201):
                                break
                            assert answer.status_code == 502, answer.text
                        await asyncio.sleep(0.02)

            writing = asyncio.create_task(write())
            for number in (0, 1):
                await asyncio.sleep(1)
                assert await asyncio.to_thread(processes.stop, number) == 0
                await asyncio.to_thread(processes.start, number)
                # nginx looks for it again after fail_timeout.
                await asyncio.sleep(2.5)
            stopping.set()
            await writing
            async with asyncio.timeout(servers.PATIENCE):
                while not all(listener.texts == sent for listener in listeners):
                    await asyncio.sleep(0.05)
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
            codes = [code for listener in listeners for code in listener.codes]
            print(f"{len(sent)} messages, {len(answers) - len(sent)} retried, closed with {codes}")
            assert set(codes) == {1012} and set(answers) <= {200, 201, 502}
            assert await in_db(Message.objects.count) == len(sent) > 50
            log = (tmp_path / "access.log").read_text()
            assert "/api/v1/ws" in log and servers.secrets_in(log) == []
    finally:
        await asyncio.to_thread(processes.close)


async def test_nobody_makes_up_an_address_and_https_is_kept(
    alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = Processes(tmp_path, monkeypatch, HTTPS="on")
    try:
        for number in (0, 1):
            await asyncio.to_thread(processes.start, number)
        with nginx(tmp_path, processes.ports) as (port, tls):
            trusting = ssl._create_unverified_context()
            access = await in_db(token, alice)
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as plain,
                httpx.AsyncClient(base_url=f"https://127.0.0.1:{tls}", verify=trusting) as http,
            ):
                moved = await plain.get("/admin/login/")
                assert moved.status_code == 301 and moved.headers["Location"].startswith("https://")
                page = await http.get("/admin/login/")
                assert page.status_code == 200
                assert page.headers["Strict-Transport-Security"].startswith("max-age=3153")
                assert "Secure" in page.headers["Set-Cookie"]
                assert (await plain.get("/healthz")).status_code == 200
                statuses = [
                    (
                        await http.post(
                            "/login",
                            json={"email": f"nobody-{number}@example.org", "password": "x" * 10},
                            headers={"X-Forwarded-For": f"10.0.0.{number}"},
                        )
                    ).status_code
                    for number in range(60)
                ]
                # 30 at once, and some more while time goes by; never all.
                assert set(statuses) == {401, 429}
            async with connect(f"wss://127.0.0.1:{tls}/ws/chat/{access}", ssl=trusting) as socket:
                await socket.send(json.dumps({"type": "nothing"}))
                assert "unknown_command" in str(await socket.recv())
            log = (tmp_path / "tls.log").read_text()
            assert "/ws/chat/-" in log and access not in log
    finally:
        await asyncio.to_thread(processes.close)
