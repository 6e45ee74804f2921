"""
The ways in which a person may do a thing: each command of each socket, and REST. A test holds this
list against the protocols' own tables, so that a new command needs a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from messenger.protocols import protocols
from tests.fuzz import words
from tests.fuzz.things import Message, Person, looks, read_by_all, unread

What = dict[str, Any]
# The frame field with the command, and the one with its data; flat frames have none.
ENVELOPES = {
    "miniapp": ("action", None),
    "messenger_api": ("type", None),
    "nodus": ("event", "data"),
    "chatroulette": ("type", "payload"),
}
PATHS = {"miniapp": "/connect", "nodus": "/api/v1/ws", "chatroulette": "/ws"}


@dataclass(frozen=True, repr=False)
class Way:
    """
    `where`: a protocol's socket, or "rest". `command`: its name, or a method and a path. `fields`:
    what is said with it. `says`: of the outcome, what must be answered. Not `whole`: it can say of
    a message only its text.
    """

    where: str
    command: str
    fields: Callable[[What], What] = lambda what: {}
    says: Callable[[Any, What], Any] = lambda outcome, what: {}
    whole: bool = False
    # Whether it is answered where all is well.
    answered: bool = True

    def frame(self, what: What, request_id: int) -> What:
        """The command as a frame."""
        name, inside = ENVELOPES[self.where]
        fields = self.fields(what)
        data = fields if inside is None else {inside: fields}
        return {name: self.command, **data, "request_id": request_id}

    def request(self, what: What) -> tuple[str, str, What]:
        """The method, the path and the body of it."""
        method, _, path = self.command.partition(" ")
        return method, path.format(**what), self.fields(what)

    def __repr__(self) -> str:
        return f"{self.where} {self.command}"


# What comes of these is no part of the model: notices of the service in chats of their own, and two
# people who hear nothing of each other any more.
BESIDE = {"report.create", "user.block", "user.unblock"}


def commands() -> set[tuple[str, str]]:
    """Every command of every socket that the model knows, by the protocols' own tables."""
    found = {(protocol.name, name) for protocol in protocols() for name in protocol.commands}
    return {(where, name) for where, name in found if name not in BESIDE}


def known_commands() -> set[tuple[str, str]]:
    """Every command that has a way here."""
    return {(w.where, w.command) for some in WAYS.values() for w in some if w.where != "rest"}


# --- what is said ----------------------------------------------------------------------------


def _key(what: What) -> What:
    return {"client_message_id": what["key"]} if what.get("key") is not None else {}


def _whole_message(what: What, by: str) -> What:
    reply_to = what["reply_to"]
    return {
        "chat_id": getattr(what["chat"], by),
        "type": what["type"],
        "content": what["content"],
        "payload": what["payload"],
        "reply_to_id": getattr(reply_to, by) if reply_to else None,
        **_key(what),
    }


def _text(what: What) -> What:
    return {"chat_id": what["chat"].id, "text": what["content"], **_key(what)}


def _by_id(*names: str) -> Callable[[What], What]:
    return lambda what: {name: what[name.removesuffix("_id")].id for name in names}


def _by_uuid(*names: str) -> Callable[[What], What]:
    return lambda what: {name: what[name.removesuffix("_id")].uuid for name in names}


def _up_to(by: str) -> Callable[[What], What]:
    return lambda what: {"up_to_message_id": getattr(what["message"], by)}


def _group(what: What, by: str = "id") -> What:
    people = [getattr(person, by) for person in what["people"]]
    return {"type": what["kind"], "name": what["title"], "user_ids": people}


def _typing(by: str) -> Callable[[What], What]:
    return lambda what: {"chat_id": getattr(what["chat"], by), "is_typing": what["is_typing"]}


def _online(what: What) -> What:
    return {"status": "away" if what["away"] else "online"}


def _changes(what: What) -> What:
    names = {"title": "name", "description": "description", "is_open": "is_open"}
    return {names[name]: value for name, value in what["wanted"].items()}


# --- what is answered ------------------------------------------------------------------------


def _nodus_sent(outcome: Any, what: What) -> Any:
    return words.nodus_message(outcome[0], whole=True)


def _receipt(outcome: Any, what: What) -> Any:
    message: Message = what["message"]
    facts = {"message_id": message.id, "user_id": what["who"].id, "chat_id": message.chat.id}
    return {**facts, "read_by_all": read_by_all(message)}


def _read_by(outcome: Any, what: What) -> Any:
    message: Message = what["message"]
    readers = [reader.uuid for reader in message.readers]
    return {"message_id": message.uuid, "status": message.status, "read_by": readers}


def _miniapp_read(outcome: Any, what: What) -> Any:
    message, who = what["message"], what["who"]
    facts = {"message_id": message.id, "read_by": who.uuid, "read_by_all": read_by_all(message)}
    return {"data": facts}


def _up_to_now(by: str) -> Callable[[Any, What], Any]:
    def says(outcome: Any, what: What) -> Any:
        chat = what["chat"]
        waiting = len(unread(what["who"], chat))
        return {"chat_id": getattr(chat, by), "read": outcome, "unread_count": waiting}

    return says


def _created(outcome: Any, what: What) -> Any:
    chat, _ = outcome
    members = words.nodus_members(looks(chat))
    return {"id": chat.id, "type": chat.kind, "members": members}


def _reaction(outcome: Any, what: What) -> Any:
    emoji = {"❤": "❤️"}.get(what["emoji"], what["emoji"])
    return {"message_id": what["message"].id, "user_id": what["who"].id, "emoji": emoji}


def _liked(outcome: Any, what: What) -> Any:
    message: Message = what["message"]
    who: Person = what["who"]
    return {
        "message_id": message.uuid,
        "liked_by": [person.uuid for person in message.likers],
        "likes_count": len(message.likers),
        "is_liked": who in message.likers,
    }


CHAT, MESSAGE = "/api/v1/chats/{chat.id}", "/api/v1/messages/{message.id}"
# What both native protocols know, with the ids in the form that each of them speaks.
NATIVE = [("nodus", "id"), ("chatroulette", "uuid")]

WAYS: dict[str, list[Way]] = {
    "send": [
        Way("nodus", "message.send", lambda w: _whole_message(w, "id"), _nodus_sent, whole=True),
        Way(
            "chatroulette",
            "message.send",
            lambda w: _whole_message(w, "uuid"),
            lambda outcome, w: words.chatroulette_message(outcome[0]),
            whole=True,
        ),
        Way(
            "miniapp",
            "send_message",
            _text,
            lambda outcome, w: {"data": words.miniapp_message(outcome[0])},
        ),
        Way(
            "rest",
            "POST /api/v1/messages",
            lambda w: _whole_message(w, "id"),
            _nodus_sent,
            whole=True,
        ),
        Way(
            "rest",
            "POST /messages/send",
            _text,
            lambda outcome, w: words.messenger_api_message(outcome[0]),
        ),
    ],
    "write_to": [
        Way(
            "messenger_api",
            "private_message",
            lambda w: {"user_id": w["person"].id, "text": w["content"], **_key(w)},
            lambda outcome, w: {"message": words.messenger_api_message(outcome[0])},
        ),
    ],
    "read": [
        Way("nodus", "message.read", _by_id("message_id"), _receipt),
        Way("chatroulette", "message.read", _by_uuid("message_id"), _read_by),
        Way("miniapp", "message_read", _by_id("message_id"), _miniapp_read),
        Way("rest", f"PUT {MESSAGE}/read", says=_read_by),
    ],
    "read_up_to": [
        *(
            Way(
                where,
                "chat.read",
                lambda w, by=by: {"chat_id": getattr(w["chat"], by), **_up_to(by)(w)},  # type: ignore[misc]
                _up_to_now(by),
            )
            for where, by in NATIVE
        ),
        Way("rest", f"POST {CHAT}/read", _up_to("id"), _up_to_now("id")),
    ],
    "edit": [
        Way("rest", "PUT /messages/edit/{message.id}", lambda w: {"text": w["content"]}),
        Way("rest", f"PUT {MESSAGE}/edit", lambda w: {"content": w["content"]}),
    ],
    "delete": [
        Way("rest", f"DELETE {MESSAGE}"),
        Way("rest", "DELETE /messages/delete/{message.id}"),
    ],
    "react": [
        Way("rest", f"POST {MESSAGE}/reactions", lambda w: {"emoji": w["emoji"]}, _reaction),
    ],
    "unreact": [Way("rest", f"DELETE {MESSAGE}/reactions/{{emoji}}")],
    "like": [Way("rest", f"POST {MESSAGE}/like", says=_liked)],
    "unlike": [Way("rest", f"DELETE {MESSAGE}/like", says=_liked)],
    "create": [
        Way(
            "miniapp",
            "create_chat",
            lambda w: _group(w, "uuid"),
            lambda outcome, w: {"data": words.miniapp_chat(outcome[0], looks(outcome[0]))},
        ),
        Way("rest", "POST /api/v1/chats", _group, _created),
    ],
    "create_open": [
        Way("rest", "POST /api/v1/chats", lambda w: {**_group(w), "is_open": True}, _created),
        Way(
            "rest",
            "POST /chats/create",
            lambda w: {**_group(w), "is_group": w["kind"] == "group"},
            lambda outcome, w: {"id": outcome[0].id, "members_count": len(outcome[0].members)},
        ),
    ],
    "join": [
        Way("rest", f"POST {CHAT}/join", says=lambda outcome, w: {"id": w["chat"].id}),
        Way("rest", "POST /chats/{chat.id}/join", says=lambda outcome, w: {"id": w["chat"].id}),
    ],
    "leave": [
        Way("rest", f"POST {CHAT}/leave"),
        Way("rest", "DELETE /chats/{chat.id}/leave"),
    ],
    "add": [
        Way(
            "rest",
            f"POST {CHAT}/members",
            lambda w: {"user_id": w["person"].id},
            lambda outcome, w: {"user_id": w["person"].id},
        ),
    ],
    "remove": [
        Way("rest", f"DELETE {CHAT}/members/{{person.id}}"),
        Way("rest", "DELETE /chats/{chat.id}/members/{person.id}"),
    ],
    "change_role": [
        Way(
            "rest",
            f"PATCH {CHAT}/members/{{person.id}}",
            lambda w: {"role": w["role"]},
            lambda outcome, w: {"user_id": w["person"].id, "role": w["role"]},
        ),
    ],
    "update": [Way("rest", f"PATCH {CHAT}", _changes, lambda outcome, w: _changes(w))],
    "delete_chat": [
        Way("rest", f"DELETE {CHAT}"),
        Way("rest", "DELETE /chats/{chat.id}"),
    ],
    "subscribe": [Way("messenger_api", "subscribe_chat", _by_id("chat_id"), lambda o, w: {})],
    "unsubscribe": [Way("messenger_api", "unsubscribe_chat", _by_id("chat_id"), lambda o, w: {})],
    "typing": [
        *(Way(where, "typing", _typing(by)) for where, by in NATIVE),
        Way("messenger_api", "typing", _typing("id"), answered=False),
        Way("rest", "POST /api/v1/presence/typing", _typing("id")),
    ],
    "here": [
        *(Way(where, "heartbeat") for where, _ in NATIVE),
        *(Way(where, "ping") for where, _ in NATIVE),
        *(Way(where, "presence.set", _online) for where, _ in NATIVE),
        Way("rest", "POST /api/v1/presence/heartbeat"),
        Way("rest", "PUT /api/v1/presence/me", _online),
    ],
    "renew": [Way(where, "auth.refresh", lambda w: {"token": w["token"]}) for where, _ in NATIVE],
    "resume": [
        Way(
            where,
            "resume",
            lambda w, by=by: {  # type: ignore[misc]
                "chats": {str(getattr(chat, by)): seq for chat, seq in w["known"].items()}
            },
        )
        for where, by in NATIVE
    ],
}
