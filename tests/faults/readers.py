"""
What each reader was told, event by event: was anything left out, told twice or out of order?

A socket with places (NODUS, Chatroulette) says of every event its `seq` and the one before. Its
reader keeps the last one it has of each chat, over all of its sockets, and is told of no hole once
it has been resumed. A socket without places (mini-app, Messenger API) is judged within one
connection only: what comes while it is away its client reads over REST.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.facts import Facts
from tests.faults.history import Closed, Delivery, History, Loaded, Opened, Place

Report = Callable[[str, str], None]
PLACED = ("nodus", "chatroulette")


@dataclass(slots=True)
class Session:
    """One connection. `catching_up`: it has not been told yet that it has everything."""

    opened: Opened
    catching_up: bool = True
    missing: dict[tuple[int, int], float] = field(default_factory=dict)
    waiting: dict[int, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    heard: dict[int, list[tuple[int, Delivery]]] = field(default_factory=lambda: defaultdict(list))
    loaded: set[str] = field(default_factory=set)

    @property
    def placed(self) -> bool:
        return self.opened.protocol in PLACED

    def who(self) -> str:
        one = self.opened
        return f"person {one.person} ({one.protocol}, socket {one.session}, app {one.process})"


class Readers:
    """Goes through the records once; `report(anomaly, explanation)` is told what is wrong."""

    def __init__(self, history: History, facts: Facts, report: Report) -> None:
        self.facts = facts
        self.report = report
        self.sessions: dict[int, Session] = {}
        # By client and chat: the last `seq` it has, None while it has no place in that chat.
        self.places: dict[tuple[int, int], int | None] = {}
        # Of clients without places: what they have seen, by any way.
        self.seen: dict[int, set[str]] = defaultdict(set)
        self.last: dict[int, Session] = {}
        self.closed: set[int] = set()
        for record in history.records:
            if isinstance(record, Delivery):
                self._deliver(self.sessions[record.session], record)
            elif isinstance(record, Opened):
                session = Session(record)
                self.sessions[record.session] = self.last[record.client] = session
            elif isinstance(record, Closed):
                self.closed.add(record.session)
            elif isinstance(record, Place):
                self._place(self.sessions[record.session], record)
            elif isinstance(record, Loaded):
                session = self.sessions[record.session]
                session.loaded.update(map(facts.name, record.refs))
                self.seen[session.opened.client].update(map(facts.name, record.refs))
        for session in self.sessions.values():
            self._finish(session)
        for session in self.last.values():
            self._behind(session)

    # --- sockets with places ------------------------------------------------------------------

    def _place(self, session: Session, place: Place) -> None:
        key = (session.opened.client, place.chat)
        if place.why == "resuming":
            session.catching_up = True
        elif place.why == "resumed":
            session.catching_up = False
            have = self.places.get(key)
            if have is not None and place.seq is not None and have < place.seq:
                self.report(
                    "reader_skip",
                    f"{session.who()} was told at {place.time:.2f} s that it has chat {place.chat} "
                    f"up to {place.seq}, but was given it up to {have} only",
                )
                self.places[key] = place.seq
        elif place.why == "lost":
            self.places[key] = None
        else:
            self.places[key] = place.seq
            for delivery in session.waiting.pop(place.chat, []):
                if place.seq is None or (delivery.seq or 0) > place.seq:
                    self._follow(session, delivery)

    def _deliver(self, session: Session, delivery: Delivery) -> None:
        if session.placed and delivery.seq is not None:
            self._follow(session, delivery)
        elif not session.placed and delivery.kind == "sent":
            self._hear(session, delivery)

    def _follow(self, session: Session, event: Delivery) -> None:
        key = (session.opened.client, event.chat)
        have, seq, prev = self.places.get(key), event.seq, event.prev
        assert seq is not None and prev is not None
        own = event.person == session.opened.person
        if have is None:
            if event.kind == "joined" and own:
                session.waiting.pop(event.chat, None)
                self.places[key] = seq
            else:
                session.waiting[event.chat].append(event)
            return
        if session.catching_up:
            if prev == have:
                self.places[key] = seq
        elif seq <= have:
            if session.missing.pop((event.chat, seq), None) is not None:
                self._wrong("reader_backwards", session, event, f"after {have}")
            else:
                self._wrong("reader_duplicate", session, event, "again")
            return
        else:
            for left_out in range(have + 1, prev + 1):
                session.missing[event.chat, left_out] = event.time
            self.places[key] = seq
        if event.kind == "left" and own and self.places[key] == seq:
            self.places[key] = None

    def _wrong(self, anomaly: str, session: Session, event: Delivery, how: str) -> None:
        self.report(
            anomaly,
            f"{session.who()} was told of {event.kind} {self.facts.name(event.ref)}, "
            f"{event.seq} of chat {event.chat}, {how} at {event.time:.2f} s",
        )

    # --- sockets without ----------------------------------------------------------------------

    def _hear(self, session: Session, event: Delivery) -> None:
        name = self.facts.name(event.ref)
        self.seen[session.opened.client].add(name)
        seq = self.facts.seq_of(event.ref)
        if seq is None:
            return  # There is no such message in the end: `unexpected` says so.
        heard = session.heard[event.chat]
        if any(seq == before for before, _ in heard[-200:]):
            self._wrong("reader_duplicate", session, event, "again")
            return
        if heard and seq < heard[-1][0]:
            self._wrong("reader_backwards", session, event, f"after {heard[-1][0]}")
        heard.append((seq, event))

    def _finish(self, session: Session) -> None:
        """What one socket was never told between two things that it was told of."""
        for (chat, seq), when in session.missing.items():
            self.report(
                "reader_skip",
                f"{session.who()} was told at {when:.2f} s of what comes after {seq} of chat "
                f"{chat}, and never of that",
            )
        person = session.opened.person
        for chat, heard in session.heard.items():
            seqs = {seq for seq, _ in heard}
            first, last = min(seqs), max(seqs)
            for row in self.facts.final.rows.get(chat, []):
                if (
                    first < row.seq < last
                    and row.seq not in seqs
                    and row.author != person
                    and self.facts.name(row.id) not in session.loaded
                    and self.facts.inside(person, chat, row.seq)
                ):
                    self.report(
                        "reader_skip",
                        f"{session.who()} was never told of {self.facts.name(row.id)}, {row.seq} "
                        f"of chat {chat}, between {first} and {last}",
                    )

    def _behind(self, session: Session) -> None:
        """Whether a reader has everything in the end."""
        opened = session.opened
        for chat, roles in self.facts.final.roles.items():
            if opened.person not in roles:
                continue
            last = self.facts.last_seq(chat)
            if opened.session in self.closed:
                what = "has no socket in the end"
            elif session.placed:
                have = self.places.get((opened.client, chat))
                if have == last or (have is not None and have > last):
                    continue
                what = f"has {have} of chat {chat} in the end, which is at {last}"
            else:
                missed = [
                    self.facts.name(row.id)
                    for row in self.facts.final.rows.get(chat, [])
                    if row.author != opened.person
                    and self.facts.inside(opened.person, chat, row.seq)
                    and self.facts.name(row.id) not in self.seen[opened.client]
                ]
                if not missed or self._skipped(session, missed, chat):
                    continue
                what = f"never saw {len(missed)} messages of chat {chat}, the first {missed[0]}"
            self.report("reader_behind_at_end", f"{session.who()} {what}")

    def _skipped(self, session: Session, missed: list[str], chat: int) -> bool:
        """Whether all of these are holes in this connection, and reported as such."""
        seqs = [seq for seq, _ in session.heard[chat]]
        return bool(seqs) and all(
            min(seqs) < (self.facts.seq_of(name) or 0) < max(seqs) for name in missed
        )
