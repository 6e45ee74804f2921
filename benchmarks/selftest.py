"""Does the load generator notice faults? `python -m benchmarks.selftest`, well under a second.

Feeds known byte streams, cut at every possible place, into the generator, and
known faults into the checks. The benchmark itself runs this first.
"""

import socket

from . import wire
from .checks import Findings, examine
from .clients import Client, Timing
from .load import Fleet

TAG = "selftest"
PING = b"\x89\x04\x89}ab"


def _message(writer: int, number: int, action: str = "new_message") -> bytes:
    text = f"{TAG}|{writer:04d}:{number:08d}:{1_000_000 * number:019d};padding"
    return wire.server_frame(
        f'{{"action": "{action}", "data": {{"chat_id":5,"text":"{text}","by":"{{x}}"}}}}'.encode()
        if number % 2
        else f'{{"action":"{action}","data":{{"chat_id":5,"text":"{text}"}}}}'.encode()
    )


def _fed(pieces: list[bytes], client: Client) -> tuple[Fleet, bytes]:
    """Give pieces of a stream to a client, one `recv` each; also returns what it answered."""
    ours, theirs = socket.socketpair()
    client.sock = theirs
    theirs.setblocking(False)
    fleet = Fleet([client])
    fleet.begin(TAG)
    for piece in pieces:
        ours.sendall(piece)
        fleet._receive(client)
    ours.setblocking(False)
    try:
        answer = ours.recv(1000)
    except BlockingIOError:
        answer = b""
    ours.close()
    fleet.close()
    return fleet, answer


def check_cuts() -> None:
    """Wherever the stream is cut, every message counts once, and a ping is answered once."""
    error = wire.server_frame(b'{"action":"error","code":"x","detail":"y"}')
    stream = b"".join([_message(1, 0), PING, _message(1, 1), error, _message(7, 0, "message_sent")])
    markers = [b"0001:00000000", b"0001:00000001", b"0007:00000000"]
    for cut in range(1, len(stream)):
        client = Client(token="", chat=1, writer=7)
        _, answer = _fed([stream[:cut], stream[cut:]], client)
        assert [marker[:13] for marker in client.got] == markers, (cut, client.got)
        assert sum(client.counts) == len(client.got) and len(client.counts) == len(client.times)
        assert (client.acks, client.errors) == (1, 1), (cut, client.acks, client.errors)
        assert answer == wire.pong(PING[2:]), (cut, answer)
    client = Client(token="", chat=1, writer=7)
    _fed([bytes([byte]) for byte in stream], client)
    assert [marker[:13] for marker in client.got] == markers


def _found(*orders: list[tuple[int, int]]) -> Findings:
    """Examine silent sockets of one chat, in which writer 1 sent 3 messages and writer 2 sent 2."""
    clients = [
        Client(token="", chat=1, writer=1, sent=3),
        Client(token="", chat=1, writer=2, sent=2),
    ]
    clients[0].got = [_marker(2, 0), _marker(2, 1), *(_marker(1, n) for n in range(3))]
    clients[1].got = [*(_marker(1, n) for n in range(3)), _marker(2, 0), _marker(2, 1)]
    for order in orders:
        clients.append(Client(token="", chat=1, got=[_marker(*one) for one in order]))
    for client in clients:
        client.times.append(5_000_000)
        client.counts.append(len(client.got))
    return examine(clients, Timing(0, 10_000_000, 0.0))


def _marker(writer: int, number: int) -> bytes:
    return f"{writer:04d}:{number:08d}:{2_000_000:019d}".encode()


def check_findings() -> None:
    """Each kind of fault is found, and none where there is none."""
    good = [(1, 0), (2, 0), (1, 1), (1, 2), (2, 1)]
    clean = _found(good, good)
    assert clean.clean and clean.faults() == "none", clean.faults()
    assert clean.delivered == clean.expected == 15
    assert clean.ack_ms == [3.0] * 5 and clean.delivery_ms == [3.0] * 15
    faults = {
        "lost": good[:-1],
        "doubled": [*good, (2, 1)],
        "disordered": [(1, 1), (2, 0), (1, 0), (1, 2), (2, 1)],
        "differing": [(2, 0), (1, 0), (1, 1), (1, 2), (2, 1)],
    }
    for name, order in faults.items():
        found = _found(good, order)
        assert getattr(found, name) == 1, (name, found.faults())
        if name != "disordered":  # which is in another order than the reference, too
            assert found.faults() == f"1 {name}", (name, found.faults())


def check_inspection() -> None:
    """An inspected socket is well-formed only if its frames are the counted messages."""
    good = [_message(1, 0), PING, _message(1, 2)]
    for pieces, malformed in ((good, 0), ([*good, b"\x81\x05{}"], 1), ([good[0][2:]], 1)):
        client = Client(token="", chat=5)
        _fed([b"".join(pieces)], client)
        found = examine([client], Timing(0, 1 << 62, 0.0))
        assert found.malformed == malformed, (pieces, found.malformed)


def run() -> None:
    """All of it; `AssertionError` if the generator can't be trusted."""
    check_cuts()
    check_findings()
    check_inspection()


if __name__ == "__main__":
    run()
    print("the load generator finds what it should")
