"""A slow client: bounded memory, passing things first, then cut off; the others notice nothing."""

import uuid

import pytest
from django.conf import settings

from messenger.protocols.miniapp import protocol
from messenger.realtime.handshake import Session
from messenger.realtime.socket import Bundle, Frame, Socket
from tests.samples import UUID


class Pipe:
    """A transport whose client reads when we say so."""

    def __init__(self) -> None:
        self.written: list[Frame] = []
        self.waiting = 0
        self.code = 0

    def write(self, bundle: Bundle) -> None:
        self.written += bundle.frames
        self.waiting += len(bundle.wire)

    def backlog(self) -> int:
        return self.waiting

    def close(self, code: int, reason: str) -> None:
        self.code = code


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def socket(pipe: Pipe) -> Socket:
    return Socket("s1", protocol, Session(1, UUID, uuid.uuid4(), 0.0), pipe)


def test_past_the_soft_limit_what_is_passing_is_left_out(socket: Socket, pipe: Pipe) -> None:
    pipe.waiting = settings.SOCKET_BACKLOG_SOFT + 1
    lasting, passing = Frame({"a": 1}), Frame({"b": 2}, passing=True)
    socket.send(Bundle([lasting, passing]))
    socket.send(Bundle([passing]))
    assert pipe.written == [lasting] and socket.missed == 2


def test_past_the_hard_limit_it_is_closed_and_nothing_more_is_kept(
    socket: Socket, pipe: Pipe
) -> None:
    big = Bundle([Frame({"text": "x" * 50_000})])
    for _ in range(100):
        socket.send(big)
    assert pipe.code == 4408
    assert pipe.waiting < settings.SOCKET_BACKLOG_HARD + 2 * len(big.wire)


def test_what_is_held_goes_out_in_order_behind_what_is_written_past_it(
    socket: Socket, pipe: Pipe
) -> None:
    first, second, third = (Frame({"n": n}) for n in range(3))
    socket.hold()
    socket.send(Bundle([second]))
    socket.send(Bundle([third]))
    socket.write(Bundle([first]))
    socket.release()
    assert pipe.written == [first, second, third]


@pytest.mark.parametrize("size", [0, 100, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_on_the_wire_is_what_any_websocket_client_reads(size: int) -> None:
    from websockets.frames import Frame as Parsed
    from websockets.frames import Opcode
    from websockets.streams import StreamReader

    frame = Frame({"t": "я" * (size // 2)})
    reader = StreamReader()
    reader.feed_data(frame.wire)
    parsing = Parsed.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    parsed = done.value.value
    assert (parsed.opcode, parsed.fin, bytes(parsed.data)) == (Opcode.TEXT, True, frame.payload)


def test_a_long_greeting_is_no_sign_of_slowness(socket: Socket, pipe: Pipe) -> None:
    socket.greet({"data": "x" * (2 * settings.SOCKET_BACKLOG_HARD)})
    small = Bundle([Frame({"a": 1})])
    socket.send(small)
    assert pipe.code == 0 and len(pipe.written) == 2
    # Once it has been read, the usual measure counts again.
    pipe.waiting = 0
    socket.send(small)
    pipe.waiting = settings.SOCKET_BACKLOG_HARD + 1
    socket.send(small)
    assert pipe.code == 4408
