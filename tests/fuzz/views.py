"""What REST shows a person, against the model."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from django.test import Client

from tests.fuzz import words
from tests.fuzz.model import World
from tests.fuzz.things import Change, Chat, Message, Person, looks, unread

if TYPE_CHECKING:
    from tests.fuzz.lines import Line


def encode(body: Any) -> bytes:
    return orjson.dumps(body)


def learn_chat(chat: Chat, client: Client, ref: int) -> None:
    found = client.get(f"/api/v1/chats/{ref}").json()
    chat.name.id, chat.name.uuid = found["id"], found["uuid"]


def learn_message(message: Message, client: Client) -> None:
    """Its `seq` tells which one it is."""
    page = _got(client, f"/api/v1/messages?chat_id={message.chat.id}&limit=100")
    [found] = [one for one in page["messages"] if one["seq"] == message.seq]
    message.name.id, message.name.uuid = found["id"], found["uuid"]


def compare(world: World, client: Client, viewer: Person, changes: Sequence[Change]) -> int:
    """
    The chats that something has just happened to, as this person sees them; how many answers were
    held against the model.
    """
    count = 0
    for chat in dict.fromkeys(change.chat for change in changes):
        if chat.deleted or viewer not in chat.members:
            response = client.get(f"/api/v1/chats/{chat.id}")
            assert response.status_code == 404, f"{viewer} sees {chat}: {response.content!r}"
            count += 1
        else:
            count += compare_chat(client, viewer, chat)
    for message in {change.live for change in changes if change.live is not None}:
        if not message.chat.deleted and viewer in message.chat.members:
            status = _got(client, f"/api/v1/messages/{message.id}/status")
            readers = [reader.uuid for reader in message.readers]
            facts = {"status": message.status, "read_by": readers, "is_edited": message.edited}
            _same(viewer, message, facts, status)
            count += 1
    return count


def compare_chat(client: Client, viewer: Person, chat: Chat) -> int:
    seen = _got(client, f"/api/v1/chats/{chat.id}")
    members = words.nodus_members(looks(chat))
    _same(viewer, chat, {**chat_words(viewer, chat), "members": members}, seen)
    page = _got(client, f"/api/v1/messages?chat_id={chat.id}&limit=100")
    newest = [words.nodus_message(m, whole=True) for m in reversed(chat.messages)]
    _same(viewer, chat, {"messages": newest, "has_more": False}, page)
    return 2


def compare_all(world: World, clients: Mapping[Person, Client]) -> None:
    """Everything, as everybody sees it; and the log of each chat from its first line."""
    for viewer, client in clients.items():
        own = world.chats_of(viewer)
        sync = _got(client, "/api/v1/sync")
        seen = sorted(sync["chats"], key=lambda chat: int(chat["id"]))
        expected = [chat_words(viewer, chat) for chat in sorted(own, key=lambda chat: chat.id)]
        _same(
            viewer, "sync", {"user": {"id": viewer.id}, "chats": expected}, {**sync, "chats": seen}
        )
        others = {chat["id"]: chat for chat in _got(client, "/chats/")}
        assert set(others) == {chat.id for chat in own}
        for chat in own:
            compare_chat(client, viewer, chat)
            _same(viewer, chat, messenger_api_chat(viewer, chat), others[chat.id])
            log = _got(client, f"/api/v1/chats/{chat.id}/events?after_seq=0&limit=500")
            told = [words.nodus(change.told_again(), viewer) for change in chat.log]
            _same(viewer, chat, {"events": told, "last_seq": chat.seq, "reset": None}, log)
        for chat in world.chats:
            if chat not in own:
                assert client.get(f"/api/v1/chats/{chat.id}").status_code == 404


def chat_words(viewer: Person, chat: Chat) -> Any:
    """A chat as this member sees it."""
    now, last = looks(chat), chat.living[-1] if chat.living else None
    partner = next((p for p in chat.members if p is not viewer), None)
    whose = partner if chat.kind == "private" else None
    return {
        **words.nodus_chat(chat, now),
        "name": now.title or (whose.title if whose else ""),
        "role": chat.members[viewer].role,
        "unread_count": len(unread(viewer, chat)),
        "last_message": words.nodus_message(last, whole=True) if last else None,
        "seq": chat.seq,
        "partner": {"id": whose.id} if whose else None,
    }


def messenger_api_chat(viewer: Person, chat: Chat) -> Any:
    last = chat.living[-1] if chat.living else None
    return {
        "owner_id": looks(chat).owner,
        "role": chat.members[viewer].role,
        "members_count": len(chat.members),
        "unread_count": len(unread(viewer, chat)),
        "last_message": words.messenger_api_message(last) if last else None,
    }


def missed(
    world: World, line: "Line", known: Mapping[Chat, int]
) -> tuple[list[Any], dict[str, int]]:
    """What a socket that resumes from there must be told, and up to which `seq` of each chat."""
    by_id = line.protocol == "nodus"
    resets: list[Any] = []
    frames: list[Any] = []
    seqs: dict[str, int] = {}
    for chat, seq in known.items():
        ref = chat.id if by_id else chat.uuid
        reason, latest = "", chat.seq
        if chat.deleted or line.person not in chat.members:
            reason = "not_found"
        elif seq > latest:
            reason = "ahead"
        elif seq < chat.members[line.person].seq - 1:
            reason = "rejoined"
        if reason:
            facts = {"reason": reason, "seq": None if reason == "not_found" else latest}
            if by_id:
                resets.append({"event": "reset", "data": {"chat_id": ref, **facts}})
            else:
                resets.append({"type": "reset", "chat_id": ref, "payload": facts})
            continue
        frames += [line.words_for(change.told_again()) for change in chat.log[seq:]]
        seqs[str(ref)] = latest
    return resets + frames, seqs


def _got(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, f"{path}: {response.status_code} {response.content!r}"
    return response.json()


def _same(viewer: Person, what: object, expected: Any, found: Any) -> None:
    wrong = words.differences(expected, found)
    assert not wrong, f"{viewer} sees of {what!r}: {'; '.join(wrong)}"
