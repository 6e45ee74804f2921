"""People, chats, messages and what happens to them, as the model knows them."""

from dataclasses import dataclass, field, replace
from typing import Any

LIKE = "❤️"


class Refused(Exception):
    """The world says no, with this code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass
class Name:
    """What the server calls a thing: learned from its answers."""

    id: int = 0
    uuid: str = ""


class Named:
    name: Name

    @property
    def id(self) -> int:
        return self.name.id

    @property
    def uuid(self) -> str:
        return self.name.uuid


@dataclass(eq=False, repr=False)
class Person(Named):
    name: Name
    title: str
    banned: bool = False

    def __repr__(self) -> str:
        return self.title


@dataclass
class Member:
    """`position` and `seq` are those of the chat when they came."""

    role: str
    position: int = 0
    seq: int = 1


@dataclass(eq=False, repr=False)
class Message(Named):
    chat: "Chat"
    author: Person
    position: int
    seq: int
    type: str
    content: str | None
    payload: Any
    reply_to: "Message | None"
    status: str = "delivered"
    edited: bool = False
    deleted: bool = False
    readers: tuple[Person, ...] = ()
    reactions: tuple[tuple[Person, str], ...] = ()
    # Shared by all copies.
    name: Name = field(default_factory=Name)

    @property
    def likers(self) -> list[Person]:
        return [person for person, emoji in self.reactions if emoji == LIKE]

    def __repr__(self) -> str:
        return f"message {self.position} of {self.chat!r}"


@dataclass(eq=False, repr=False)
class Chat(Named):
    kind: str
    title: str
    description: str
    is_open: bool
    number: int
    members: dict[Person, Member] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    log: "list[Change]" = field(default_factory=list)
    deleted: bool = False
    name: Name = field(default_factory=Name)

    @property
    def seq(self) -> int:
        return len(self.log)

    @property
    def living(self) -> list[Message]:
        return [message for message in self.messages if not message.deleted]

    def __repr__(self) -> str:
        return f"chat {self.number}"


@dataclass(frozen=True)
class Looks:
    """What a chat looked like at a moment."""

    title: str
    description: str
    is_open: bool
    members: tuple[tuple[Person, str], ...]

    @property
    def owner(self) -> int | None:
        return min((person.id for person, role in self.members if role == "owner"), default=None)


@dataclass(frozen=True, eq=False)
class Change:
    """
    One change to a chat, with its `seq`: what it is told as, and who hears of it. `message` and
    `looks` are as they were then; `origin` is the socket whose command made it.
    """

    kind: str
    chat: Chat
    seq: int
    actor: Person | None
    hearers: tuple[Person, ...]
    looks: Looks
    message: Message | None = None
    live: Message | None = None
    person: Person | None = None
    role: str = ""
    emoji: str = ""
    completes: bool = False
    read_by_all: bool = False
    direct: bool = False
    origin: Any = None

    def told_again(self) -> "Change":
        """As it is told from the log: with everything as it has become."""
        live = self.live
        again = replace(self, message=live, looks=looks(self.chat))
        return replace(again, read_by_all=live is not None and read_by_all(live))


def looks(chat: Chat) -> Looks:
    members = tuple((person, member.role) for person, member in chat.members.items())
    return Looks(chat.title, chat.description, chat.is_open, members)


def waiting_for(message: Message) -> list[Person]:
    """Who has still to read it: members who were there when it came, but for its author."""
    return [
        person
        for person, member in message.chat.members.items()
        if member.position < message.position
        and person is not message.author
        and person not in message.readers
    ]


def read_by_all(message: Message) -> bool:
    return bool(message.readers) and not waiting_for(message)


def unread(person: Person, chat: Chat) -> list[Message]:
    """What waits for this member, oldest first."""
    since = chat.members[person].position
    return [
        message
        for message in chat.living
        if message.position > since
        and message.author is not person
        and person not in message.readers
    ]


def member_of(person: Person, chat: Chat) -> Member:
    if chat.deleted or person not in chat.members:
        raise Refused("not_found")
    return chat.members[person]
