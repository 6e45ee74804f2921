"""A stream: each event once and in order, to the right people."""

import uuid

import orjson

from messaging.events import MessageSent
from messenger.events import ChatEvent
from messenger.protocols.base import Protocol, To
from messenger.protocols.flat import Flat
from messenger.realtime.handshake import Session
from messenger.realtime.socket import Bundle, Socket
from messenger.realtime.stream import Stream
from tests.samples import UUID, sample


class Ear:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.writes = 0

    def write(self, bundle: Bundle) -> None:
        self.writes += 1
        self.heard += [orjson.loads(frame.payload)["seq"] for frame in bundle.frames]

    def backlog(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None: ...


def plain(skips_origin: bool = False) -> Protocol:
    protocol = Protocol("plain", "plain", Flat("event"), skips_origin=skips_origin)
    protocol.on(MessageSent)(lambda event: {"seq": event.seq})
    return protocol


def socket(protocol: Protocol, user_id: int, id: str = "") -> tuple[Socket, Ear]:
    ear = Ear()
    session = Session(user_id, UUID, uuid.uuid4(), 0.0)
    return Socket(id or f"s{user_id}", protocol, session, ear), ear


def events(*seqs: int, origin: str | None = None) -> list[ChatEvent]:
    return [sample(MessageSent, seq=seq, origin=origin) for seq in seqs]


def seqs(found: list[ChatEvent]) -> list[int]:
    return [event.seq for event in found]


def test_what_came_before_is_dropped() -> None:
    stream = Stream(1, 5)
    assert seqs(stream.accept(events(4, 5, 6))) == [6]
    assert seqs(stream.accept(events(6))) == []


def test_what_comes_too_early_waits_for_what_is_missing() -> None:
    stream = Stream(1, 0)
    assert seqs(stream.accept(events(3, 2))) == []
    assert seqs(stream.accept(events(1))) == [1, 2, 3]
    assert not stream.early


def test_events_of_a_batch_are_one_write() -> None:
    protocol, stream = plain(), Stream(1, 0)
    one, ear = socket(protocol, 1)
    stream.attach(one, 0)
    stream.deliver(stream.accept(events(1, 2, 3)), {})
    assert (ear.heard, ear.writes) == ([1, 2, 3], 1)


def test_the_socket_whose_command_made_an_event_gets_the_answer_instead() -> None:
    protocol, stream = plain(skips_origin=True), Stream(1, 0)
    one, ear = socket(protocol, 1, "here")
    two, other = socket(protocol, 1, "there")
    for each in (one, two):
        stream.attach(each, 0)
    local = {"here": one, "there": two}
    stream.deliver(stream.accept([*events(1, origin="here"), *events(2)]), local)
    assert (ear.heard, other.heard) == ([2], [1, 2])


def test_words_for_some_reach_only_them() -> None:
    protocol, stream = plain(), Stream(1, 0)
    protocol.renderers[MessageSent] = [
        lambda event: [
            To({"seq": 100 + event.seq}, only=frozenset({1})),
            To({"seq": event.seq}, but=frozenset({1})),
        ]
    ]
    one, special = socket(protocol, 1)
    two, other = socket(protocol, 2)
    stream.attach(one, 0)
    stream.attach(two, 0)
    stream.deliver(stream.accept(events(1)), {})
    assert (special.heard, other.heard) == ([101], [1])


def test_a_newcomer_is_not_told_what_it_knows_already() -> None:
    protocol, stream = plain(), Stream(1, 0)
    one, old = socket(protocol, 1)
    two, new = socket(protocol, 2)
    stream.attach(one, 0)
    stream.attach(two, 2)
    stream.deliver(stream.accept(events(1, 2, 3)), {})
    assert (old.heard, new.heard) == ([1, 2, 3], [3])
    assert not stream.since
