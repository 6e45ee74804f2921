"""Load over HTTP: a few keep-alive connections that ask for the same page again and again."""

import contextlib
import gc
import re
import select
import socket
import time
from dataclasses import dataclass, field

from .checks import percentile
from .clients import LoadFailed

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass
class PageResult:
    """Pages per second, latencies in milliseconds, size of a page in bytes."""

    pages: int
    seconds: float
    cpu_share: float
    latencies_ms: list[float]
    body: bytes

    @property
    def pages_per_second(self) -> float:
        """Whole pages per second."""
        return self.pages / self.seconds

    def latency(self, percent: float) -> float | None:
        """A percentile of the latencies, in milliseconds."""
        return percentile(self.latencies_ms, percent)


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    began: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)


def _body(buffer: bytearray) -> bytes | None:
    """The body of the response in the buffer, or None while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    if not head.startswith(b"HTTP/1.1 200"):
        raise LoadFailed(f"unexpected answer: {bytes(buffer[:400])!r}")
    if length := _LENGTH.search(head):
        total = end + 4 + int(length[1])
        return bytes(buffer[end + 4 : total]) if len(buffer) >= total else None
    if _CHUNKED.search(head):
        return bytes(buffer[end + 4 :]) if buffer.endswith(b"\r\n0\r\n\r\n") else None
    raise LoadFailed("an answer without a length can't be measured on a kept-alive connection")


def get_pages(
    port: int, path: str, token: str, *, connections: int, seconds: float, expect: bytes, count: int
) -> PageResult:
    """Request a path on all connections, each as soon as it has its answer, for some seconds.

    `expect` has to occur `count` times in every body; raises `LoadFailed` otherwise.
    """
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token}\r\nAccept: application/json\r\n\r\n"
    ).encode()
    epoll = select.epoll()
    open_connections: dict[int, _Connection] = {}
    latencies: list[float] = []
    body = b""
    try:
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            open_connections[sock.fileno()] = _Connection(sock)
            epoll.register(sock.fileno(), select.EPOLLIN)
        gc.collect()
        cpu, began = time.process_time(), time.monotonic()
        for one in open_connections.values():
            one.began = time.monotonic()
            one.sock.sendall(request)
        while (now := time.monotonic()) < began + seconds:
            for fd, _ in epoll.poll(0.1):
                one = open_connections[fd]
                data = one.sock.recv(65536)
                if not data:
                    raise LoadFailed("the server closed a kept-alive connection")
                one.buffer += data
                found = _body(one.buffer)
                if found is None:
                    continue
                if found.count(expect) != count:
                    raise LoadFailed(f"not {count} messages on a page: {found[:400]!r}")
                now = time.monotonic()
                latencies.append((now - one.began) * 1000)
                body = found
                one.buffer.clear()
                one.began = now
                one.sock.sendall(request)
        wall = now - began
        share = (time.process_time() - cpu) / wall
    finally:
        epoll.close()
        for one in open_connections.values():
            with contextlib.suppress(OSError):
                one.sock.close()
    pages = len(latencies)
    latencies.sort()
    return PageResult(pages, wall, share, latencies, body)
