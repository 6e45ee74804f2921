"""How much can the load generator itself take in?

A bare socket server in a second process writes prebuilt frames to many
WebSockets as fast as it can. What arrives at the generator per second is its
ceiling: a server that is measured near it is measured too low.

`joined` writes many frames with one system call (as a saturated server's kernel
buffers do), `single` writes each frame on its own, which costs both sides most.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import wire
from .clients import Client
from .load import Fleet
from .servers import ROOT, die_with_parent, stop_process

TAG = "blast"
CYCLE = 100_000_000


def message(number: int, length: int = 8) -> bytes:
    """A new_message frame as a server would send it."""
    data = {
        "id": 1_000_000 + number,
        "chat_id": 1,
        "sender_uuid": "3f0b3f7e-8a53-4c4e-9d6b-3b1f8f1d2c11",
        "text": f"{TAG}|{0:04d}:{number % CYCLE:0{length}d}:{0:019d};" + "x" * 40,
        "timestamp": "2025-01-01T12:00:00.000000Z",
        "read_status": False,
    }
    text = json.dumps({"action": "new_message", "data": data}, separators=(",", ":"))
    return wire.server_frame(text.encode())


def serve(sockets: int, joined: int, rate: float, seconds: float) -> None:
    """Be the blaster: accept so many sockets, then write for so many seconds.

    `rate` limits the frames per second of all sockets together; 0 means no limit.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    listener.settimeout(30)
    clients = []
    for _ in range(sockets):
        client, _address = listener.accept()
        client.settimeout(10)
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(4096)
        hello = wire.server_frame(b'{"action":"unread_messages","data":[]}')
        client.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + hello)
        client.setblocking(False)
        clients.append(client)
    clients[0].setblocking(True)
    clients[0].recv(1)  # the generator's starting signal
    clients[0].setblocking(False)
    began = time.monotonic()
    deadline = began + seconds
    number = 0
    pieces = dict.fromkeys(clients, b"")  # what a full socket hasn't taken yet
    while time.monotonic() < deadline:
        frames = b"".join(message(number + index) for index in range(joined))
        number += joined
        for client in clients:
            data = pieces[client] or frames
            with contextlib.suppress(BlockingIOError):
                done = client.send(data)
                pieces[client] = data[done:]
                continue
            select.select((), (client,), (), 0.001)
            pieces[client] = data
        if rate:
            time.sleep(max(0.0, began + number * len(clients) / rate - time.monotonic()))
    for client in clients:
        client.close()


@dataclass
class Ceiling:
    """What the generator took in: frames/s, MB/s and its share of one core."""

    mode: str
    sockets: int
    deliveries: float
    megabytes: float
    cpu_share: float


@contextlib.contextmanager
def _blaster(*arguments: Any) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.blaster", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        stop_process(process, 2)


def measure(mode: str, sockets: int = 200, seconds: float = 2.0, rate: float = 0) -> Ceiling:
    """Let a blaster loose on the generator: `joined` (32 frames a write) or `single`."""
    joined = 32 if mode == "joined" else 1
    fleet = Fleet([Client(token="none", chat=1) for _ in range(sockets)])
    with _blaster(sockets, joined, rate, seconds + 1) as (_process, port):
        try:
            # The blaster answers in the order of arrival, one at a time.
            fleet.connect(port, at_once=1)
            fleet.begin(TAG)
            first = fleet.clients[0].sock
            assert first is not None
            first.send(b"!")
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                fleet.pump(0.05)
            fleet.begin(TAG)
            cpu, began = time.process_time(), time.monotonic()
            while (now := time.monotonic()) < began + seconds:
                fleet.pump(0.05)
            wall = now - began
            share = (time.process_time() - cpu) / wall
            for client in fleet.clients:
                _check_numbers(client)
            rate_seen = fleet.received / wall
            return Ceiling(mode, sockets, rate_seen, rate_seen * len(message(0)) / 1e6, share)
        finally:
            fleet.close()


def _check_numbers(client: Client) -> None:
    """Each frame was taken in exactly once and in order."""
    numbers = [wire.parse_marker(marker)[1] for marker in client.got]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise RuntimeError("the load generator lost, doubled or disordered the blaster's frames")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _sockets, _joined, _rate, _seconds = sys.argv[1:]
    # The generator hangs up first: then the blaster's work is done.
    with contextlib.suppress(ConnectionError):
        serve(int(_sockets), int(_joined), float(_rate), float(_seconds))
