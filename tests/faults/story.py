"""
A server without faults and its clients, played through in memory: histories to try the checker on.

Five people in one chat: two on NODUS (the second loses its socket now and then), one on each other
protocol. Everything that happens is a change to the log and is told to who is there.
"""

import random
from dataclasses import dataclass, field

from tests.faults.history import (
    Attempt,
    Closed,
    Delivery,
    Entry,
    Final,
    History,
    Loaded,
    Opened,
    Place,
    Ready,
    Row,
)

CHAT = 7
PROTOCOLS = ("nodus", "nodus", "chatroulette", "miniapp", "messenger_api")
STEADY, UNSTEADY, ROULETTE, APP, SUBSCRIBER = range(1, 6)


@dataclass
class Reader:
    person: int
    protocol: str
    session: int = 0
    have: int | None = 1
    """The `seq` that it has; None while it is not in the chat."""
    missed: list[Entry] = field(default_factory=list)

    @property
    def placed(self) -> bool:
        return self.protocol in ("nodus", "chatroulette")


class Story:
    """What has happened so far, in `history` and `final`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.history = History(origin=0.0)
        self.final = Final(rows={CHAT: []}, log={CHAT: [Entry(1, "created")]})
        self.now = 0.0
        self.sends = 0
        self.sessions = 0
        self.readers = [Reader(number, name) for number, name in enumerate(PROTOCOLS, 1)]
        self.reads: set[tuple[str, int]] = set()
        roles = {reader.person: "member" for reader in self.readers}
        self.final.roles = {CHAT: {**roles, STEADY: "owner"}}
        self.history.note("begin")
        for reader in self.readers:
            self.open(reader)

    # --- what can happen ----------------------------------------------------------------------

    def play(self, steps: int = 120) -> None:
        """Anything, so many times."""
        for _ in range(steps):
            what = self.random.choices(
                (self.send, self.read, self.like, self.lose_socket, self.move),
                weights=(10, 5, 3, 1, 1),
            )[0]
            what()

    def end(self) -> None:
        """What is read when all is quiet."""
        for reader in self.readers:
            if not reader.session:
                self.open(reader)
        for reader in self.readers:
            others = [row for row in self.rows if row.author != reader.person]
            read = sum((row.key, reader.person) in self.reads for row in others)
            self.final.unread[reader.person, CHAT] = len(others) - read
        for key, person in self.reads:
            row = next(row for row in self.rows if row.key == key)
            self.final.read_by.setdefault(row.id, []).append(person)

    @property
    def rows(self) -> list[Row]:
        return self.final.rows[CHAT]

    def tick(self) -> float:
        self.now += 0.01
        return self.now

    def send(self) -> None:
        """A message, answered, or answered only when it is tried again."""
        person = self.random.choice((STEADY, ROULETTE, APP))
        begun, row = self.tick(), self.store(person, self.new_key())
        if self.random.random() < 0.2:
            self.attempt("send", person, row.key, begun, result="info", error="timeout")
        begun = self.now
        self.tick()
        ref, seq = self.named(person, row), row.seq if person == STEADY else None
        self.attempt("send", person, row.key, begun, ref=ref, seq=seq)

    def new_key(self) -> str:
        self.sends += 1
        return f"run/1/{self.sends}"

    def store(self, person: int, key: str) -> Row:
        """A message is there and is told."""
        number = len(self.rows) + 1
        row = Row(str(100 + number), f"u-{number}", 0, person, key)
        row.seq = self.change("sent", row.id, person)
        self.rows.append(row)
        return row

    def read(self) -> None:
        person = self.random.choice((UNSTEADY, ROULETTE))
        waiting = [
            row for row in self.rows if row.author != person and (row.key, person) not in self.reads
        ]
        if waiting and person in self.final.roles[CHAT]:
            row, begun = self.random.choice(waiting), self.tick()
            self.reads.add((row.key, person))
            row.is_read = True
            self.change("read", row.id, person)
            self.attempt("read", person, f"read {row.id}", begun, ref=row.id)

    def like(self) -> None:
        """Somebody likes a message, or who did so no longer does."""
        if self.rows:
            row, person = self.random.choice(self.rows), self.random.choice((STEADY, APP))
            likes = person in row.liked_by
            (row.liked_by.remove if likes else row.liked_by.append)(person)
            begun = self.tick()
            self.change("unliked" if likes else "liked", row.id, person)
            action = "unlike" if likes else "like"
            self.attempt(action, person, f"{action} {row.id}", begun, ref=row.id)

    def lose_socket(self) -> None:
        """The unsteady one comes back if it was away, and loses its socket if it was not."""
        reader = self.reader(self.random.choice((UNSTEADY, APP)))
        if reader.session:
            self.history.add(Closed(self.tick(), reader.session, 1006))
            reader.session = 0
        else:
            self.open(reader)

    def move(self) -> None:
        """The subscriber leaves, or comes back after three seconds."""
        if SUBSCRIBER in self.final.roles[CHAT]:
            self.leave(SUBSCRIBER)
        else:
            self.now += 3.0
            self.join(SUBSCRIBER)

    def leave(self, person: int) -> None:
        begun = self.tick()
        self.change("left", "", person)
        del self.final.roles[CHAT][person]
        self.attempt("leave", person, "leave", begun)

    def join(self, person: int) -> None:
        begun = self.tick()
        self.final.roles[CHAT][person] = "member"
        self.change("joined", "", person)
        self.attempt("join", person, "join", begun)

    # --- how it is told -----------------------------------------------------------------------

    def reader(self, person: int) -> Reader:
        return self.readers[person - 1]

    def named(self, person: int, row: Row) -> str:
        return row.uuid if self.reader(person).protocol == "chatroulette" else row.id

    def change(self, kind: str, ref: str, person: int) -> int:
        log = self.final.log[CHAT]
        entry = Entry(log[-1].seq + 1, kind, ref, person)
        log.append(entry)
        for reader in self.readers:
            if reader.person in self.final.roles[CHAT]:
                if reader.session:
                    self.tell(reader, entry)
                else:
                    reader.missed.append(entry)
        return entry.seq

    def tell(self, reader: Reader, entry: Entry) -> None:
        """This event, in the words of its protocol."""
        ref, person = entry.ref, entry.person
        if not reader.placed:
            if entry.kind == "sent" and person != reader.person:
                told = Delivery(self.tick(), reader.session, CHAT, "sent", ref, person)
                self.history.add(told)
            return
        if reader.protocol == "chatroulette":
            ref = f"u-{int(ref) - 100}" if ref else ""
            person = None if entry.kind in ("read", "liked", "unliked") else person
        place = (entry.seq, entry.seq - 1)
        told = Delivery(self.tick(), reader.session, CHAT, entry.kind, ref, person, *place)
        self.history.add(told)
        reader.have = entry.seq

    def open(self, reader: Reader) -> None:
        """A new socket, on which the reader gets what it missed."""
        self.sessions += 1
        session = reader.session = self.sessions
        client = person = reader.person
        add = self.history.add
        add(Opened(self.tick(), session, client, person, reader.protocol, 0))
        missed, reader.missed = reader.missed, []
        if reader.placed:
            if session == client:
                add(Place(self.now, session, CHAT, "loaded", reader.have))
            # What comes before it was asked for comes again.
            if missed and self.random.random() < 0.5:
                last = missed[-1]
                place = (last.seq, last.seq - 1)
                add(Delivery(self.now, session, CHAT, last.kind, last.ref, last.person, *place))
            add(Place(self.tick(), session, 0, "resuming", None))
            for entry in missed:
                self.tell(reader, entry)
            add(Place(self.tick(), session, CHAT, "resumed", reader.have))
        else:
            refs = [entry.ref for entry in missed if entry.kind == "sent"]
            add(Loaded(self.tick(), session, CHAT, refs))
        add(Ready(self.now, session))

    def attempt(
        self,
        action: str,
        person: int,
        key: str,
        begun: float,
        *,
        result: str = "ok",
        error: str = "",
        ref: str = "",
        seq: int | None = None,
    ) -> None:
        self.history.add(
            Attempt(
                begun,
                key,
                action,
                person,
                CHAT,
                "rest",
                0,
                self.tick(),
                result,  # type: ignore[arg-type]
                200 if result == "ok" else 0,
                error,
                ref,
                seq,
            )
        )
