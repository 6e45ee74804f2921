"""The load generator: many WebSockets in one process, one epoll loop.

It has to take in 100,000 frames per second and more, so the loop does the least
it can: `recv`, one regular expression over the received bytes, and two appends.
All checking and all arithmetic with times happens afterwards (`checks.py`), on
every single delivery, not on a sample.

Times are `time.monotonic_ns()` of this process on both ends.
"""

import contextlib
import select
import socket
import time
from array import array
from collections import defaultdict
from collections.abc import Sequence

from . import wire
from .clients import Client, LoadFailed, Timing, measured

RECEIVE_BYTES = 65536
INSPECTED = 3
"""So many silent sockets of a fleet are read frame by frame after a run."""
ACK = b'"message_sent"'
ERROR = b'{"action":"error"'
ERROR_SPACED = b'{"action": "error"'
FRAME_START = b'{"action"'


class Fleet:
    """A set of connected clients and the loop that drives them."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = list(clients)
        self.received = 0
        """Markers seen since `begin`, acknowledgements included."""
        self.first_error = b""
        self._epoll = select.epoll()
        self._by_fd: dict[int, Client] = {}
        self._blocked: set[Client] = set()
        self._members: dict[int, int] = defaultdict(int)
        for client in self.clients:
            self._members[client.chat] += 1
        self._find = wire.marker_pattern("none").findall

    # -- connecting -----------------------------------------------------------------

    def connect(self, port: int, at_once: int = 50, timeout: float = 60.0) -> float:
        """Open all sockets, `at_once` at a time, until each has its unread_messages frame.

        Returns the seconds it took for all of them.
        """
        began = time.monotonic()
        deadline = began + timeout
        waiting = iter(self.clients)
        opening: dict[int, tuple[Client, float, bytearray]] = {}
        ready = 0
        while ready < len(self.clients):
            while len(opening) < at_once and (client := next(waiting, None)) is not None:
                started = time.monotonic()
                sock = socket.create_connection(("127.0.0.1", port), timeout=10)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.sendall(wire.handshake(port, client.token))
                sock.setblocking(False)
                client.sock = sock
                opening[sock.fileno()] = (client, started, bytearray())
                self._by_fd[sock.fileno()] = client
                self._epoll.register(sock.fileno(), select.EPOLLIN)
            if time.monotonic() > deadline:
                raise LoadFailed(f"only {ready} of {len(self.clients)} sockets were ready in time")
            for fd, _ in self._epoll.poll(1.0):
                if fd not in opening:
                    self._receive(self._by_fd[fd])
                    continue
                client, started, buffer = opening[fd]
                if self._opened(client, buffer):
                    client.connect_seconds = time.monotonic() - started
                    del opening[fd]
                    ready += 1
        return time.monotonic() - began

    def _opened(self, client: Client, buffer: bytearray) -> bool:
        assert client.sock is not None
        data = client.sock.recv(RECEIVE_BYTES)
        buffer += data
        head, separator, rest = bytes(buffer).partition(b"\r\n\r\n")
        if separator and b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise LoadFailed(f"WebSocket refused: {head[:200]!r} {rest[:200]!r}")
        if not data:
            raise LoadFailed(f"socket closed while it was opened: {bytes(buffer[:300])!r}")
        frame = wire.first_frame(rest) if separator else None
        if frame is None:
            return False
        payload, size = frame
        if b'"unread_messages"' not in payload[:40]:
            raise LoadFailed(f"the first frame isn't unread_messages: {payload[:200]!r}")
        client.first_frame_bytes = size
        client.tail = rest[size:]
        return True

    def close(self) -> None:
        """Close all sockets."""
        for client in self.clients:
            if client.sock is not None:
                client.sock.close()
                client.sock = None
        self._by_fd.clear()
        self._epoll.close()

    # -- the loop -------------------------------------------------------------------

    def begin(self, tag: str) -> None:
        """Forget everything counted so far; from now on count messages with this tag."""
        self._find = wire.marker_pattern(tag).findall
        self.received = 0
        self.first_error = b""
        for client in self.clients:
            client.got, client.times, client.counts = [], array("q"), array("q")
            client.sent = client.acks = client.errors = 0
            client.raw = None
            if client.writer is not None:
                client.template = wire.FrameTemplate.build(tag, client.chat, client.writer)
        # A socket with a tail is in the middle of a frame, which can't be inspected.
        silent = [c for c in self.clients if c.writer is None and not c.tail]
        for client in silent[:INSPECTED]:
            client.raw = []

    def pump(self, timeout: float) -> None:
        """Take in what has arrived, waiting at most `timeout` seconds for the first bytes."""
        by_fd = self._by_fd
        receive = self._receive
        for fd, _ in self._epoll.poll(timeout, 512):
            receive(by_fd[fd])
        if self._blocked:
            for client in list(self._blocked):
                self._write(client, b"")

    def _receive(self, client: Client) -> None:
        try:
            data = client.sock.recv(RECEIVE_BYTES)  # type: ignore[union-attr]
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self._drop(client)
            return
        if client.raw is not None:
            client.raw.append(data)
        if client.tail:
            data = client.tail + data
            client.tail = b""
        if b"\x89" in data:
            data = self._answer_pings(client, data)
        if not data.endswith(b"}"):
            # The last frame may be incomplete: keep it for the next time.
            cut = max(data.rfind(FRAME_START), 0)
            client.tail = data[cut:] + client.tail
            data = data[:cut]
        found = self._find(data)
        if found:
            client.got += found
            client.times.append(now)
            client.counts.append(len(found))
            self.received += len(found)
        if client.writer is not None:
            client.acks += data.count(ACK)
            if ERROR in data or ERROR_SPACED in data:
                client.errors += data.count(ERROR) + data.count(ERROR_SPACED)
                self.first_error = self.first_error or data[-300:]

    def _answer_pings(self, client: Client, data: bytes) -> bytes:
        """Answer pings and cut them out. Frames end with `}`, so a ping follows one."""
        start = 0
        while (at := data.find(b"\x89", start)) >= 0:
            start = at + 1
            if at and data[at - 1] != ord("}"):
                continue  # a byte of a frame's length
            frame = wire.first_frame(data[at:])
            if frame is None:  # the rest of the ping is still on its way
                client.tail = data[at:]
                return data[:at]
            self._write(client, wire.pong(frame[0]))
            data = data[:at] + data[at + frame[1] :]
            start = at
        return data

    def _drop(self, client: Client) -> None:
        client.closed = True
        self._blocked.discard(client)
        if client.sock is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(client.sock.fileno())

    def _write(self, client: Client, data: bytes) -> None:
        if client.closed or client.sock is None:
            return
        data = client.unsent + data
        try:
            done = client.sock.send(data)
        except BlockingIOError:
            done = 0
        except OSError:
            self._drop(client)
            return
        client.unsent = data[done:]
        if client.unsent:
            self._blocked.add(client)
        else:
            self._blocked.discard(client)

    def _send_message(self, client: Client, nanoseconds: int) -> None:
        assert client.template is not None
        self._write(client, client.template.frame(client.sent, nanoseconds))
        client.sent += 1

    # -- kinds of load --------------------------------------------------------------

    def closed_loop(self, in_flight: int, seconds: float) -> Timing:
        """Every writer keeps `in_flight` messages unacknowledged for `seconds`; then wait."""
        writers = [client for client in self.clients if client.writer is not None]
        with measured() as timing:
            deadline = timing.began + int(seconds * 1e9)
            while (now := time.monotonic_ns()) < deadline:
                for client in writers:
                    missing = in_flight - (client.sent - client.acks)
                    for _ in range(missing):
                        self._send_message(client, time.monotonic_ns())
                self.pump(min(0.05, (deadline - now) / 1e9))
        self.drain()
        return timing

    def open_loop(self, rate: float, seconds: float, patience: float = 6.0) -> Timing:
        """Send `rate` messages/s on a fixed schedule, writers in turn; then wait.

        The time in a marker is the scheduled one, so late sending counts as latency.
        """
        writers = [client for client in self.clients if client.writer is not None]
        total = max(1, round(rate * seconds))
        interval = 1e9 / rate
        with measured() as timing:
            number = 0
            while number < total:
                due = timing.began + int(number * interval)
                now = time.monotonic_ns()
                while due <= now and number < total:
                    self._send_message(writers[number % len(writers)], due)
                    number += 1
                    due = timing.began + int(number * interval)
                # epoll waits in whole milliseconds, select in microseconds.
                select.select((self._epoll,), (), (), max(0.0, (due - now) / 1e9))
                self.pump(0)
        self.drain(patience)
        return timing

    def expected(self) -> int:
        """Markers that have to arrive: each message at each socket of its chat."""
        return sum(client.sent * self._members[client.chat] for client in self.clients)

    def drain(self, patience: float = 6.0, quiet: float = 2.0) -> None:
        """Take in the rest: until all is there, `patience` s are over or all is `quiet`."""
        expected = self.expected()
        deadline = time.monotonic() + patience
        last, last_change = self.received, time.monotonic()
        while self.received < expected and time.monotonic() < deadline:
            self.pump(0.05)
            if self.received != last:
                last, last_change = self.received, time.monotonic()
            elif time.monotonic() - last_change > quiet:
                break
        until = time.monotonic() + 0.1
        while time.monotonic() < until:  # would a doubled message come?
            self.pump(0.02)

    def idle(self, seconds: float) -> None:
        """Only answer pings for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.pump(0.1)
