"""
What clients saw, in the order in which they saw it, by one monotonic clock: the operations they
tried, what was delivered to them, their sockets' lives, and what was done to the servers meanwhile.

Messages are named by `ref`, their id or UUID as text, whichever the protocol uses; `Final` says
which are the same. People and chats are named by their integer ids. Times are seconds since the
history began.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

R = TypeVar("R", bound="Record")
# `fail`: it was refused and has not happened. `info`: nobody knows.
Result = Literal["ok", "fail", "info"]


@dataclass(slots=True)
class Record:
    """Anything that is noted, and when."""

    time: float


@dataclass(slots=True)
class Attempt(Record):
    """
    One try of an operation, noted when it was over; `time` is when it was begun.

    Tries with the same `key` are of the same operation: "send" by its idempotency key, others by
    whatever names them. `status` is that of HTTP, or 0 on a socket; `error` the code of the
    server's error, or what became of the line. `ref` is the message it was about (of a send: the
    answered one), `seq` the answered place of a send. `up_to`: all before `ref` was read too.
    """

    key: str
    action: str
    person: int
    chat: int
    way: Literal["rest", "socket"]
    process: int
    completed: float
    result: Result
    status: int = 0
    error: str = ""
    ref: str = ""
    seq: int | None = None
    up_to: bool = False


@dataclass(slots=True)
class Opened(Record):
    """A socket was accepted. `session` is its number, `client` who will open the next one."""

    session: int
    client: int
    person: int
    protocol: str
    process: int


@dataclass(slots=True)
class Ready(Record):
    """The socket has caught up: it was resumed, or its client has read what it missed."""

    session: int


@dataclass(slots=True)
class Closed(Record):
    """The socket is gone; `code` is 1006 if nobody said goodbye."""

    session: int
    code: int


@dataclass(slots=True)
class Place(Record):
    """
    Where a reader stands in a chat's log from here on, and why: "loaded" (it read a snapshot, `seq`
    is that of it), "resuming" (it asked for what it missed), "resumed" (it was told that it has
    everything up to `seq`), "lost" (it is told that the chat is not its own, `seq` is None).
    """

    session: int
    chat: int
    why: Literal["loaded", "resuming", "resumed", "lost"]
    seq: int | None


@dataclass(slots=True)
class Loaded(Record):
    """Messages that a client without places was not told one by one: it read a page of them."""

    session: int
    chat: int
    refs: list[str]


@dataclass(slots=True)
class Delivery(Record):
    """
    One event that a socket was told: "sent", "edited", "deleted", "read", "liked", "unliked",
    "joined", "left" or another. `person` is who did it, where that is said, `key` what the content
    names, `seq` and `prev` its place, where the protocol has places.
    """

    session: int
    chat: int
    kind: str
    ref: str = ""
    person: int | None = None
    seq: int | None = None
    prev: int | None = None
    key: str = ""


@dataclass(slots=True)
class Note(Record):
    """What was done: the load's "begin" and "end", a "fault" and that it was "healed"."""

    kind: Literal["begin", "end", "fault", "healed", "other"]
    text: str = ""


TYPES: dict[str, type[Record]] = {
    kind.__name__: kind for kind in (Attempt, Opened, Ready, Closed, Place, Loaded, Delivery, Note)
}


@dataclass
class History:
    """All records of one run, in the order in which they were noted."""

    records: list[Record] = field(default_factory=list)
    origin: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.origin

    def add(self, record: Record) -> None:
        self.records.append(record)

    def of(self, kind: type[R]) -> Iterator[R]:
        """The records of one kind."""
        return (record for record in self.records if type(record) is kind)

    def note(self, kind: Any, text: str = "") -> None:
        self.add(Note(self.now(), kind, text))

    def spans(self) -> list[tuple[float, float, str]]:
        """When each fault began and was healed, and what it was."""
        found: list[tuple[float, float, str]] = []
        begun: Note | None = None
        for note in self.of(Note):
            if note.kind == "fault":
                begun = note
            elif note.kind == "healed" and begun is not None:
                found.append((begun.time, note.time, begun.text))
                begun = None
        return found


# --- what is there in the end --------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """One message of the history of a chat, as REST tells it; `key` is what its content names."""

    id: str
    uuid: str
    seq: int
    author: int
    key: str
    is_read: bool = False
    liked_by: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One change of a chat's log, in the words of `Delivery`."""

    seq: int
    kind: str
    ref: str = ""
    person: int | None = None


@dataclass
class Final:
    """
    What REST says when all is quiet: by chat its messages (oldest first), its log and the roles of
    its members; who has read a message, for those that were looked at; how many messages wait for a
    person in a chat.
    """

    rows: dict[int, list[Row]] = field(default_factory=dict)
    log: dict[int, list[Entry]] = field(default_factory=dict)
    roles: dict[int, dict[int, str]] = field(default_factory=dict)
    read_by: dict[str, list[int]] = field(default_factory=dict)
    unread: dict[tuple[int, int], int] = field(default_factory=dict)


# --- on disk -------------------------------------------------------------------------------------


def write(path: Path, history: History, final: Final) -> None:
    """As JSON lines: the records, then what was there in the end."""
    with path.open("w") as file:
        for line in lines(history, final):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def lines(history: History, final: Final) -> Iterator[dict[str, Any]]:
    for record in history.records:
        yield {"is": type(record).__name__, **asdict(record)}
    facts = asdict(final)
    facts["unread"] = [[*who, count] for who, count in final.unread.items()]
    yield {"is": "Final", **facts}


def read(path: Path) -> tuple[History, Final]:
    """What `write` wrote."""
    with path.open() as file:
        return parsed(json.loads(line) for line in file)


def parsed(lines: Iterable[dict[str, Any]]) -> tuple[History, Final]:
    history, final = History(origin=0.0), Final()
    for line in lines:
        kind = line.pop("is")
        if kind == "Final":
            final = _final(line)
        else:
            history.add(TYPES[kind](**line))
    return history, final


def _final(line: dict[str, Any]) -> Final:
    return Final(
        rows={int(chat): [Row(**row) for row in rows] for chat, rows in line["rows"].items()},
        log={int(chat): [Entry(**one) for one in log] for chat, log in line["log"].items()},
        roles={
            int(chat): {int(person): role for person, role in roles.items()}
            for chat, roles in line["roles"].items()
        },
        read_by=line["read_by"],
        unread={(person, chat): count for person, chat, count in line["unread"]},
    )
