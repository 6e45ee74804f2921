"""Likes, readings, edits and deletions at the same moment: everybody is answered, and told once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from django.test import Client

from accounts.models import User
from chats.models import Chat
from chats.services import add_member
from messaging.emoji import LIKE
from messaging.events import MessageFacts
from messaging.models import Message, Reaction, Receipt, Revision
from messaging.selectors import likes_for, likes_of, status_of
from messaging.services import (
    add_reaction,
    delete_message,
    like_message,
    read_message,
    remove_reaction,
    send_message,
    unlike_message,
)
from messenger.errors import NotFound
from tests.chats.helpers import log, meanwhile
from tests.people import bearer, client, make_user
from tests.races import at_once


@pytest.fixture
def message(alice: User, group: Chat) -> MessageFacts:
    """Alice's, in her group."""
    return send_message(alice, chat=group.id, content="x").message


def heard(published: list[Any], chat: Chat) -> list[Any]:
    """The events in the order of the log, of which none is missing and none is told twice."""
    found = sorted((e for e in published if e.chat_id == chat.id), key=lambda e: e.seq)
    assert [(event.seq, event.kind) for event in found] == log(chat)
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    return found


def asking(who: Client, method: str, message: MessageFacts, what: str, body: Any = None) -> Any:
    """Asks when it is called: the status and the JSON."""
    path = f"/api/v1/messages/{message.uuid}{what}"
    content = b"" if body is None else orjson.dumps(body)

    def ask() -> tuple[int, Any]:
        response = who.generic(method, path, content, content_type="application/json")
        return response.status_code, orjson.loads(response.content or b"null")

    return ask


def clients(user: User, count: int) -> list[Client]:
    """Clients of one login: those of Django are for one thread each."""
    headers = bearer(user)
    return [Client(headers=headers) for _ in range(count)]


# --- what a like is --------------------------------------------------------------------------


def test_a_like_is_one_reaction_and_its_event_says_who_likes(
    alice: User, bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    for act, by in (
        (partial(like_message, bob), [bob]),
        (partial(like_message, alice), [bob, alice]),
        (partial(unlike_message, bob), [alice]),
        (partial(remove_reaction, alice, emoji="❤"), []),
        (partial(add_reaction, alice, emoji="❤"), [alice]),
    ):
        act(message=message.id)
        likes = published[-1].likes
        assert likes.liked_by == [str(person.uuid) for person in by]
        assert likes == likes_for(bob, message.id)[1]
        assert (published[-1].emoji, Reaction.objects.count()) == (LIKE, len(by))
    add_reaction(bob, message=message.id, emoji="👍")
    remove_reaction(bob, message=message.id, emoji="👍")
    assert published[-2].likes is published[-1].likes is None
    assert len(heard(published, group)) == 9


def test_without_a_change_there_is_no_event(
    alice: User, bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    unlike_message(bob, message=message.id)
    like_message(bob, message=message.id)
    like_message(bob, message=message.id)
    add_reaction(bob, message=message.id, emoji="❤")
    unlike_message(alice, message=message.id)
    unlike_message(bob, message=message.id)
    unlike_message(bob, message=message.id)
    kinds = [event.kind for event in heard(published, group)]
    assert kinds == ["chat_created", "message_sent", "reaction_added", "reaction_removed"]


def test_who_cannot_see_it_cannot_like_it(
    alice: User, bob: User, charlie: User, group: Chat, message: MessageFacts
) -> None:
    for change in (like_message, unlike_message):
        with pytest.raises(NotFound):
            change(charlie, message=message.id)
    with pytest.raises(NotFound):
        likes_for(charlie, message.id)
    delete_message(alice, message=message.id)
    for change in (like_message, unlike_message):
        with pytest.raises(NotFound):
            change(bob, message=message.id)


# --- at the same moment ----------------------------------------------------------------------


def test_24_likes_of_one_person_at_once_are_one(
    bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    asks = [asking(who, "POST", message, "/like") for who in clients(bob, 24)]
    answers = at_once(*asks)
    assert answers == [answers[0]] * 24
    status, liked = answers[0]
    assert status == 200 and liked["is_liked"] and liked["liked_by"] == [str(bob.uuid)]
    assert Reaction.objects.count() == 1
    [added] = heard(published, group)[2:]
    assert (added.kind, added.likes.liked_by) == ("reaction_added", [str(bob.uuid)])
    assert liked["liked_at"] == added.likes.liked_at


def test_24_unlikes_at_once_take_off_one(
    bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    like_message(bob, message=message.id)
    answers = at_once(*[asking(who, "DELETE", message, "/like") for who in clients(bob, 24)])
    assert answers == [answers[0]] * 24 and answers[0][0] == 200
    assert answers[0][1]["likes_count"] == 0 and not Reaction.objects.exists()
    assert [event.kind for event in heard(published, group)[3:]] == ["reaction_removed"]


def test_likes_against_unlikes_of_one_person_end_as_the_log_says(
    bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    for _ in range(4):
        asks = [
            asking(who, method, message, "/like")
            for who, method in zip(clients(bob, 12), ("POST", "DELETE") * 6, strict=True)
        ]
        for status, answer in at_once(*asks):
            assert status == 200
            assert answer["likes_count"] == len(answer["liked_by"]) == int(answer["is_liked"])
            assert (answer["liked_at"] is not None) == answer["is_liked"]
        changes = heard(published, group)[2:]
        # On and off in turn, and each says how it was just then.
        assert [event.kind for event in changes] == [
            ("reaction_added", "reaction_removed")[n % 2] for n in range(len(changes))
        ]
        for number, event in enumerate(changes):
            assert len(event.likes.liked_by) == (number + 1) % 2
        assert Reaction.objects.count() == len(changes) % 2


def test_likes_of_many_people_at_once_are_all_counted(
    alice: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    people = [make_user(f"p{n}") for n in range(12)]
    for person in people:
        add_member(alice, chat=group, user=person)
    before = len(log(group))
    answers = at_once(*[asking(client(p), "POST", message, "/like") for p in people])
    for person, (status, answer) in zip(people, answers, strict=True):
        assert status == 200 and answer["is_liked"] and str(person.uuid) in answer["liked_by"]
        assert answer["likes_count"] == len(set(answer["liked_by"]))
    changes = heard(published, group)[before:]
    # Each adds one to those before it.
    for number, event in enumerate(changes):
        assert event.likes.liked_by == [e.user_uuid for e in changes[: number + 1]]
    assert len(changes) == Reaction.objects.count() == 12
    likes = likes_of([message.id])[message.id]
    assert likes == changes[-1].likes


def test_a_heart_and_a_like_of_one_person_at_once_are_one(
    bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    asks = []
    for number, who in enumerate(clients(bob, 9)):
        emoji = {"emoji": ("❤", "❤️")[number % 2]}
        heart = asking(who, "POST", message, "/reactions", emoji)
        asks.append(heart if number % 3 else asking(who, "POST", message, "/like"))
    answers = at_once(*asks)
    assert {status for status, _ in answers} <= {200, 201}
    assert [status for status, _ in answers].count(201) <= 1
    assert Reaction.objects.count() == 1 and len(heard(published, group)) == 3


def replayed(events: list[Any], message: MessageFacts) -> str:
    """What the message is, by what happened to it."""
    became = {"message_read": "read", "message_edited": "edited", "message_deleted": "deleted"}
    status = "delivered"
    for event in events:
        if getattr(event, "message", None) is None or event.message.id != message.id:
            continue
        assert status != "deleted", "nothing is done to what is deleted"
        status = became.get(event.kind, status)
        assert event.message.status == status
    return status


def test_reading_against_editing_leaves_what_came_last(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    people = [make_user(f"p{n}") for n in range(4)]
    for person in people:
        add_member(alice, chat=group, user=person)
    readers = [client(person) for person in people for _ in range(2)]
    for _ in range(4):
        sent = send_message(alice, chat=group.id, content="0").message
        edits = [
            asking(who, "PUT", sent, "/edit", {"content": f"{n}"})
            for n, who in enumerate(clients(alice, 4), start=1)
        ]
        looks = [asking(who, "GET", sent, "/status") for who in clients(bob, 4)]
        answers = at_once(*[asking(who, "PUT", sent, "/read") for who in readers], *edits, *looks)
        assert {status for status, _ in answers} == {200}
        # Whoever looks sees it as it was at one moment.
        for _, look in answers[-4:]:
            assert (look["read_at"] is None) == (look["read_by"] == [])
            assert (look["edited_at"] is None) != look["is_edited"]
            assert look["status"] != "delivered" or not (look["read_by"] or look["is_edited"])
        row = Message.objects.get(id=sent.id)
        assert row.status == replayed(heard(published, group), sent)
        about = [e for e in published if getattr(e, "message", None)]
        kinds = [event.kind for event in about if event.message.id == sent.id]
        assert kinds.count("message_read") == Receipt.objects.filter(message=row).count() == 4
        assert kinds.count("message_edited") == Revision.objects.filter(message=row).count() == 4
        assert status_of(bob, sent.id).message.status == row.status


def test_a_status_is_of_one_moment(bob: User, message: MessageFacts) -> None:
    look = asking(client(bob), "GET", message, "/status")
    with meanwhile(partial(read_message, bob, message=message.id), before="messaging_receipt"):
        status, found = look()
    assert status == 200
    assert (found["status"] == "read") == (found["read_at"] is not None) == bool(found["read_by"])
    assert look()[1]["read_by"] == [str(bob.uuid)]


def test_reading_liking_editing_and_deleting_at_once_leave_nothing_behind(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    for _ in range(5):
        sent = send_message(alice, chat=group.id, content="0").message
        alices, bobs = clients(alice, 8), clients(bob, 8)
        asks: list[Callable[[], Any]] = [
            asking(bobs[0], "PUT", sent, "/read"),
            asking(bobs[1], "PUT", sent, "/read"),
            asking(bobs[2], "POST", sent, "/like"),
            asking(bobs[3], "DELETE", sent, "/like"),
            asking(bobs[4], "POST", sent, "/like"),
            asking(alices[0], "PUT", sent, "/edit", {"content": "1"}),
            asking(alices[1], "PUT", sent, "/edit", {"content": "2"}),
            asking(alices[2], "DELETE", sent, ""),
            asking(alices[3], "DELETE", sent, ""),
            asking(bobs[5], "GET", sent, "/status"),
            asking(bobs[6], "GET", sent, "/likes"),
        ]
        answers = at_once(*asks)
        for number, (status, _) in enumerate(answers):
            # What came too late is not there any more.
            assert status in ((204,) if number in (7, 8) else (200, 404)), answers[number]
        assert {status for status, _ in answers[-2:]} == {200}
        about = [
            e for e in heard(published, group)
            if getattr(e, "message", None) and e.message.id == sent.id
        ]  # fmt: skip
        assert replayed(about, sent) == "deleted" and about[-1].kind == "message_deleted"
        kinds = [event.kind for event in about]
        row = Message.objects.get(id=sent.id)
        assert (row.content, row.status) == (None, "deleted")
        assert not Revision.objects.filter(message=row).exists()
        assert kinds.count("message_read") == Receipt.objects.filter(message=row).count()
        assert kinds.count("message_deleted") == 1
        net = kinds.count("reaction_added") - kinds.count("reaction_removed")
        assert net == Reaction.objects.filter(message=row).count()
        # Who was answered that it was done is right.
        edits = [status for status, _ in answers[5:7]]
        assert edits.count(200) == kinds.count("message_edited")
        assert (200 in [status for status, _ in answers[:2]]) == ("message_read" in kinds)
