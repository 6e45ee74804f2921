"""After a run: what was lost, doubled or disordered, and how long it took.

Looks at every delivery at every socket.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from . import wire
from .clients import Client, Timing


@dataclass
class Findings:
    """What came of one run. Latencies in milliseconds, sorted."""

    sent: int = 0
    acked: int = 0
    acked_in_time: int = 0
    """Acknowledgements that arrived before the run's end (`Timing.ended`)."""
    delivered: int = 0
    """Deliveries to members other than the sender."""
    delivered_in_time: int = 0
    expected: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    """Deliveries (or acks) that came after a later message of the same writer."""
    differing: int = 0
    """Sockets that saw their chat's messages in another order than its reference socket."""
    errors: int = 0
    dropped: int = 0
    """Sockets that the server closed."""
    malformed: int = 0
    """Inspected sockets whose frames aren't the messages that were counted."""
    last_ns: int = 0
    delivery_ms: list[float] = field(default_factory=list)
    ack_ms: list[float] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled, disordered, refused or closed."""
        return not (
            self.lost
            or self.doubled
            or self.disordered
            or self.differing
            or self.errors
            or self.dropped
            or self.malformed
        )

    def faults(self) -> str:
        """The faults in words, or `none`."""
        names = ("lost", "doubled", "disordered", "differing", "errors", "dropped", "malformed")
        found = [f"{getattr(self, name):,} {name}" for name in names if getattr(self, name)]
        return ", ".join(found) or "none"


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The value below which `percent` % of the sorted values lie; None if there are none."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def examine(clients: Iterable[Client], timing: Timing) -> Findings:
    """Check all sockets of a run against what was sent."""
    findings = Findings()
    chats: dict[int, list[Client]] = defaultdict(list)
    for client in clients:
        chats[client.chat].append(client)
        findings.sent += client.sent
        findings.acked += client.acks
        findings.errors += client.errors
        findings.dropped += client.closed
        findings.malformed += not _well_formed(client)
    parsed: dict[bytes, tuple[int, int, int]] = {}
    for members in chats.values():
        sent = {c.writer: c.sent for c in members if c.writer is not None and c.sent}
        for client in members:
            for marker in client.got:
                if marker not in parsed:
                    parsed[marker] = wire.parse_marker(marker)
            _examine_socket(client, sent, parsed, timing, findings)
        findings.differing += _differing(members, parsed)
    findings.delivery_ms.sort()
    findings.ack_ms.sort()
    return findings


def _examine_socket(
    client: Client,
    sent: dict[int, int],
    parsed: dict[bytes, tuple[int, int, int]],
    timing: Timing,
    findings: Findings,
) -> None:
    numbers: dict[int, list[int]] = defaultdict(list)
    position = 0
    for now, count in zip(client.times, client.counts, strict=True):
        in_time = now <= timing.ended
        for marker in client.got[position : position + count]:
            writer, number, began = parsed[marker]
            numbers[writer].append(number)
            if writer == client.writer:
                findings.ack_ms.append((now - began) / 1e6)
                findings.acked_in_time += in_time
            else:
                findings.delivery_ms.append((now - began) / 1e6)
                findings.delivered += 1
                findings.delivered_in_time += in_time
        position += count
        findings.last_ns = max(findings.last_ns, now)
    for writer, total in sent.items():
        findings.expected += total if writer != client.writer else 0
        seen = numbers.pop(writer, [])
        different = len(set(seen))
        findings.lost += total - different
        findings.doubled += len(seen) - different
        findings.disordered += sum(a > b for a, b in pairwise(seen))
    # Messages of writers who sent nothing in this chat: none of them should be here.
    findings.doubled += sum(len(seen) for seen in numbers.values())


def _well_formed(client: Client) -> bool:
    """Read an inspected socket strictly: every counted marker is in a new_message of its own."""
    if client.raw is None or client.closed:
        return True
    try:
        frames, rest = wire.messages(b"".join(client.raw))
        texts = [
            frame["data"]["text"]
            for frame in frames
            if frame["action"] == "new_message" and frame["data"]["chat_id"] == client.chat
        ]
    except (ValueError, KeyError, TypeError):
        return False
    found = [text.split("|", 1)[1].split(";", 1)[0].encode() for text in texts if "|" in text]
    return found == client.got and not rest


def _differing(members: list[Client], parsed: dict[bytes, tuple[int, int, int]]) -> int:
    """Count the sockets whose order differs from that of a silent (else the fullest) socket.

    A sender's own messages are left out: it gets acknowledgements for them instead,
    and these may overtake.
    """
    reference = max(members, key=lambda client: (client.writer is None, len(client.got)))
    place = {marker: index for index, marker in enumerate(reference.got)}
    differing = 0
    for client in members:
        places = [
            place[marker]
            for marker in client.got
            if marker in place and parsed[marker][0] not in (client.writer, reference.writer)
        ]
        differing += any(a > b for a, b in pairwise(places))
    return differing
