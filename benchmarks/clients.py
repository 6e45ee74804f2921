"""One socket of the load generator, and what its runs are timed with."""

import contextlib
import gc
import socket
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import wire


class LoadFailed(Exception):
    """The load could not be applied, e.g. sockets were refused."""


@dataclass(slots=True, eq=False)
class Client:
    """One socket of one person: `chat` is the chat it writes to and is counted in."""

    token: str
    chat: int
    writer: int | None = None
    """The writer's number (0-9999) in markers; None for a silent member."""
    sock: socket.socket | None = None
    tail: bytes = b""
    unsent: bytes = b""
    closed: bool = False
    connect_seconds: float = 0.0
    first_frame_bytes: int = 0
    sent: int = 0
    acks: int = 0
    errors: int = 0
    template: wire.FrameTemplate | None = None
    got: list[bytes] = field(default_factory=list)
    """Markers in the order of their arrival, those of the own acknowledgements included."""
    times: array = field(default_factory=lambda: array("q"))
    counts: array = field(default_factory=lambda: array("q"))
    """`counts[i]` markers came out of the `recv` that returned at `times[i]`."""
    raw: list[bytes] | None = None
    """All bytes since `begin`, of the few sockets that are inspected frame by frame."""


@dataclass
class Timing:
    """When a run began and ended (ns), and how busy the generator was meanwhile."""

    began: int
    ended: int
    cpu_share: float


@contextlib.contextmanager
def measured() -> Iterator[Timing]:
    """Yield a `Timing` for the block; no garbage collection inside."""
    gc.collect()
    gc.disable()
    cpu = time.process_time_ns()
    timing = Timing(began=time.monotonic_ns(), ended=0, cpu_share=0.0)
    try:
        yield timing
    finally:
        gc.enable()
        timing.ended = time.monotonic_ns()
        used = time.process_time_ns() - cpu
        timing.cpu_share = used / max(1, timing.ended - timing.began)
