"""
What should be: chats, messages and who may do what, in plain Python, written from the documents
and not from the server's code.

Each method does one thing that a person may do. It says what comes of it, or raises Refused; what
everybody must hear of it is in `changes`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.fuzz.things import (
    LIKE,
    Change,
    Chat,
    Member,
    Message,
    Person,
    Refused,
    looks,
    member_of,
    read_by_all,
    unread,
    waiting_for,
)


class World:
    """Everybody, and all chats that ever were."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = list(people)
        self.chats: list[Chat] = []
        self.keys: dict[tuple[Person, str], tuple[Any, Message]] = {}
        # Since they were last looked at.
        self.changes: list[Change] = []
        # Who has ever shared a chat with whom: they may have heard of each other's coming.
        self.met: set[tuple[Person, Person]] = set()

    def chats_of(self, person: Person) -> list[Chat]:
        return [chat for chat in self.chats if not chat.deleted and person in chat.members]

    def private(self, one: Person, other: Person) -> Chat | None:
        return next(
            (
                chat
                for chat in self.chats
                if chat.kind == "private" and not chat.deleted and {one, other} == set(chat.members)
            ),
            None,
        )

    def _record(
        self,
        kind: str,
        chat: Chat,
        actor: Person | None,
        *,
        hearers: Sequence[Person] | None = None,
        live: Message | None = None,
        **facts: Any,
    ) -> None:
        change = Change(
            kind=kind,
            chat=chat,
            seq=chat.seq + 1,
            actor=actor,
            hearers=tuple(chat.members if hearers is None else hearers),
            looks=looks(chat),
            live=live,
            message=replace(live) if live is not None else None,
            **facts,
        )
        chat.log.append(change)
        self.changes.append(change)
        self.met |= {(one, other) for one in change.hearers for other in change.hearers}

    # --- chats --------------------------------------------------------------------------------

    def create(
        self,
        creator: Person,
        *,
        kind: str,
        title: str,
        people: Sequence[Person],
        is_open: bool = False,
        origin: Any = None,
    ) -> tuple[Chat, bool]:
        """The chat, and whether it is new."""
        if any(person.banned for person in people):
            raise Refused("unknown_users")
        members = list(dict.fromkeys([creator, *people]))
        if kind == "private" and len(members) != 2 or kind == "group" and not title.strip():
            raise Refused("invalid")
        if kind == "private" and (existing := self.private(*members)):
            return existing, False
        chat = Chat(kind, title.strip(), "", is_open and kind == "group", len(self.chats) + 1)
        chat.members = {p: Member("owner" if p is creator else "member") for p in members}
        self.chats.append(chat)
        self._record("chat_created", chat, creator, origin=origin)
        return chat, True

    def update(self, actor: Person, chat: Chat, **wanted: Any) -> None:
        if not wanted.get("title", "x").strip():
            raise Refused("invalid")
        self._must_own(actor, chat)
        if chat.kind != "group":
            raise Refused("forbidden")
        if any(getattr(chat, name) != value for name, value in wanted.items()):
            for name, value in wanted.items():
                setattr(chat, name, value)
            self._record("chat_updated", chat, actor)

    def delete_chat(self, actor: Person, chat: Chat) -> None:
        member = member_of(actor, chat)
        if chat.kind == "group" and member.role != "owner":
            raise Refused("forbidden")
        chat.deleted = True
        self._record("chat_deleted", chat, actor)

    def join(self, person: Person, chat: Chat) -> None:
        if chat.deleted or chat.kind != "group":
            raise Refused("not_found")
        if person in chat.members:
            return
        if not chat.is_open:
            raise Refused("forbidden")
        self._add(chat, person, actor=person)

    def add(self, actor: Person, chat: Chat, person: Person) -> bool:
        """Whether they are new."""
        self._must_own(actor, chat)
        if chat.kind != "group":
            raise Refused("forbidden")
        if person in chat.members:
            return False
        if person.banned:
            raise Refused("unknown_users")
        self._add(chat, person, actor=actor)
        return True

    def leave(self, person: Person, chat: Chat) -> None:
        member_of(person, chat)
        if chat.kind != "group":
            raise Refused("forbidden")
        self._take_out(chat, person, actor=person)

    def remove(self, actor: Person, chat: Chat, person: Person) -> None:
        member_of(actor, chat)
        if person is actor:
            return self.leave(actor, chat)
        self._must_own(actor, chat)
        if chat.kind != "group":
            raise Refused("forbidden")
        member_of(person, chat)
        self._take_out(chat, person, actor=actor)

    def change_role(self, actor: Person, chat: Chat, person: Person, role: str) -> None:
        self._must_own(actor, chat)
        if chat.kind != "group":
            raise Refused("forbidden")
        member = member_of(person, chat)
        if member.role == role:
            return
        owners = [p for p, m in chat.members.items() if m.role == "owner"]
        if role == "member" and len(owners) == 1:
            raise Refused("conflict")
        member.role = role
        self._record("role", chat, actor, person=person, role=role)

    def _must_own(self, actor: Person, chat: Chat) -> None:
        if member_of(actor, chat).role != "owner":
            raise Refused("forbidden")

    def _add(self, chat: Chat, person: Person, *, actor: Person) -> None:
        chat.members[person] = Member("member", len(chat.messages), chat.seq + 1)
        self._record("joined", chat, actor, person=person, role="member")

    def _take_out(self, chat: Chat, person: Person, *, actor: Person) -> None:
        before = tuple(chat.members)
        gone = chat.members.pop(person)
        self._record("left", chat, actor, hearers=before, person=person)
        if not chat.members:
            chat.deleted = True
            self._record("chat_deleted", chat, actor)
        elif gone.role == "owner" and all(m.role != "owner" for m in chat.members.values()):
            eldest, member = next(iter(chat.members.items()))
            member.role = "owner"
            self._record("role", chat, actor, person=eldest, role="owner")

    # --- messages -----------------------------------------------------------------------------

    def send(
        self,
        author: Person,
        chat: Chat,
        *,
        content: str | None,
        type: str = "text",
        payload: Any = None,
        reply_to: Message | None = None,
        key: str | None = None,
        direct: bool = False,
        origin: Any = None,
    ) -> tuple[Message, bool]:
        """The message as it was when it was stored, and whether that was earlier."""
        if type == "text" and not (content or "").strip() or content is None and payload is None:
            raise Refused("invalid")
        said = (chat, type, content, payload, reply_to)
        if key is not None and (author, key) in self.keys:
            before, first = self.keys[author, key]
            if before != said:
                raise Refused("idempotency_key_reused")
            return first, True
        member_of(author, chat)
        if reply_to is not None and reply_to.chat is not chat:
            raise Refused("not_found")
        position, seq = len(chat.messages) + 1, chat.seq + 1
        message = Message(chat, author, position, seq, type, content, payload, reply_to)
        chat.messages.append(message)
        first = replace(message)
        if key is not None:
            self.keys[author, key] = said, first
        self._record("sent", chat, author, live=message, direct=direct, origin=origin)
        return first, False

    def write_to(
        self, author: Person, person: Person, *, content: str, key: str | None, origin: Any
    ) -> tuple[Message, bool]:
        """To a person: in the private chat of the two, opened if need be."""
        if not content.strip():
            raise Refused("invalid")
        chat = None
        if key is not None and (author, key) in self.keys:
            chat = self.keys[author, key][1].chat
            if chat.kind != "private" or {author, person} != set(chat.members):
                raise Refused("idempotency_key_reused")
        elif person is author:
            raise Refused("invalid")
        elif person.banned:
            raise Refused("not_found")
        if chat is None:
            chat, _ = self.create(author, kind="private", title="", people=[person])
        return self.send(author, chat, content=content, key=key, direct=True, origin=origin)

    def edit(self, author: Person, message: Message, content: str) -> None:
        if not content.strip():
            raise Refused("invalid")
        self._changeable(author, message)
        if message.author is not author:
            raise Refused("forbidden")
        if message.content != content:
            message.content, message.edited, message.status = content, True, "edited"
            all_read = read_by_all(message)
            self._record("edited", message.chat, author, live=message, read_by_all=all_read)

    def delete(self, actor: Person, message: Message) -> None:
        member = member_of(actor, message.chat)
        owns = member.role == "owner" and message.chat.kind == "group"
        if message.author is not actor and not owns:
            raise Refused("forbidden")
        if not message.deleted:
            message.content = message.payload = None
            message.deleted, message.status = True, "deleted"
            self._record("deleted", message.chat, actor, live=message)

    def react(self, person: Person, message: Message, emoji: str) -> bool:
        """Whether it is new."""
        emoji = {"❤": LIKE}.get(emoji, emoji)
        if emoji.isascii():
            raise Refused("invalid")
        self._changeable(person, message)
        if (person, emoji) in message.reactions:
            return False
        message.reactions = (*message.reactions, (person, emoji))
        self._record("reacted", message.chat, person, live=message, person=person, emoji=emoji)
        return True

    def unreact(self, person: Person, message: Message, emoji: str) -> None:
        self._changeable(person, message)
        emoji = {"❤": LIKE}.get(emoji, emoji)
        if (person, emoji) not in message.reactions:
            raise Refused("not_found")
        message.reactions = tuple(r for r in message.reactions if r != (person, emoji))
        self._record("unreacted", message.chat, person, live=message, person=person, emoji=emoji)

    def like(self, person: Person, message: Message, wanted: bool) -> None:
        self._changeable(person, message)
        if wanted:
            self.react(person, message, LIKE)
        elif person in message.likers:
            self.unreact(person, message, LIKE)

    def read(self, reader: Person, message: Message, origin: Any = None) -> None:
        self._changeable(reader, message)
        if message.author is reader or reader in message.readers:
            return
        message.readers = (*message.readers, reader)
        message.status = "read"
        counted = message.chat.members[reader].position < message.position
        completes = counted and not waiting_for(message)
        facts = {"person": reader, "completes": completes, "origin": origin}
        self._record("read", message.chat, reader, live=message, **facts)

    def read_up_to(self, reader: Person, chat: Chat, message: Message, origin: Any = None) -> int:
        """How many were read by it."""
        member_of(reader, chat)
        if message.chat is not chat:
            raise Refused("not_found")
        found = [one for one in unread(reader, chat) if one.position <= message.position]
        for one in found:
            self.read(reader, one, origin)
        return len(found)

    def _changeable(self, person: Person, message: Message) -> None:
        member_of(person, message.chat)
        if message.deleted:
            raise Refused("not_found")
