"""Chatroulette over REST, line by line of its contract: statuses, edits and likes of messages."""

from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.test import Client
from django.utils.translation import override

from accounts.models import User
from chats.models import Chat, LogEntry
from chats.services import create_chat, leave_chat, remove_member
from messaging.emoji import LIKE
from messaging.events import MessageFacts
from messaging.models import Message, Reaction, Receipt, Revision
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    send_message,
)
from messenger.protocols.chatroulette import shapes
from messenger.times import iso
from tests.people import bearer, client

MESSAGES = "/api/v1/messages"
RUSSIAN = {
    "sent": "Отправлено",
    "delivered": "Доставлено",
    "read": "Прочитано",
    "edited": "Изменено",
    "deleted": "Удалено",
}
# Fifty faces.
EMOJI = [chr(0x1F600 + number) for number in range(50)]


@pytest.fixture
def message(alice: User, group: Chat) -> MessageFacts:
    """Alice's, in her group."""
    return send_message(alice, chat=group.id, content="Привет").message


@pytest.fixture
def three(alice: User, bob: User, charlie: User) -> Chat:
    """Alice's group, with Bob and Charlie in it."""
    return create_chat(alice, kind="group", name="Three", members=[bob, charlie])


def ask(
    user: User, method: str, path: str, body: Any = None, *, expected: int = 200, **headers: str
) -> Any:
    """The JSON that answers a request of `user` about a message."""
    content = b"" if body is None else orjson.dumps(body)
    response = Client().generic(
        method, f"{MESSAGES}/{path}", content, content_type="application/json",
        headers={**bearer(user), **headers},
    )  # fmt: skip
    assert response.status_code == expected, response.content
    return response.json()


def read(user: User, ref: Any, **more: Any) -> Any:
    return ask(user, "PUT", f"{ref}/read", **more)


def edit(user: User, ref: Any, content: Any, **more: Any) -> Any:
    return ask(user, "PUT", f"{ref}/edit", {"content": content}, **more)


def status(user: User, ref: Any, **more: Any) -> Any:
    return ask(user, "GET", f"{ref}/status", **more)


def like(user: User, ref: Any, **more: Any) -> Any:
    return ask(user, "POST", f"{ref}/like", **more)


def unlike(user: User, ref: Any, **more: Any) -> Any:
    return ask(user, "DELETE", f"{ref}/like", **more)


def likes(user: User, ref: Any, **more: Any) -> Any:
    return ask(user, "GET", f"{ref}/likes", **more)


def logged(chat: Chat) -> list[str]:
    """The kinds of what happened in the chat, its making left out."""
    return list(
        LogEntry.objects.filter(chat_id=chat.id).order_by("seq").values_list("kind", flat=True)
    )[1:]


# --- what each answers -----------------------------------------------------------------------


def test_a_fresh_message_is_delivered(alice: User, bob: User, message: MessageFacts) -> None:
    for person in (alice, bob):
        assert status(person, message.uuid) == {
            "message_id": message.uuid,
            "status": "delivered",
            "status_text": "Delivered",
            "is_edited": False,
            "edited_at": None,
            "read_at": None,
            "read_by": [],
            "created_at": message.created_at,
            "updated_at": message.created_at,
        }


def test_a_read_says_who_and_when(bob: User, message: MessageFacts) -> None:
    answer = read(bob, message.uuid)
    at = iso(Receipt.objects.get().read_at)
    assert at.endswith("Z") and answer == {
        "message_id": message.uuid,
        "status": "read",
        "status_text": "Read",
        "read_by": [str(bob.uuid)],
        "read_at": at,
    }
    found = status(bob, message.uuid)
    assert found == {
        **answer,
        "is_edited": False,
        "edited_at": None,
        "created_at": message.created_at,
        "updated_at": at,
    }


def test_an_edit_says_what_it_says_now(alice: User, bob: User, message: MessageFacts) -> None:
    answer = edit(alice, message.uuid, "Пока 👋🏽")
    at = answer["edited_at"]
    assert (
        at.endswith("Z")
        and at > message.created_at
        and answer
        == {
            "id": message.uuid,
            "content": "Пока 👋🏽",
            "status": "edited",
            "is_edited": True,
            "edited_at": at,
        }
    )
    assert status(bob, message.uuid) == {
        "message_id": message.uuid,
        "status": "edited",
        "status_text": "Edited",
        "is_edited": True,
        "edited_at": at,
        "read_at": None,
        "read_by": [],
        "created_at": message.created_at,
        "updated_at": at,
    }
    found = client(bob).get(f"{MESSAGES}/{message.id}").json()
    assert (found["content"], found["updated_at"]) == ("Пока 👋🏽", at)


def test_likes_come_and_go(alice: User, bob: User, message: MessageFacts) -> None:
    none = {"likes_count": 0, "liked_by": [], "liked_at": None}
    assert likes(bob, message.uuid) == {**none, "is_liked_by_user": False}

    first = like(bob, message.uuid)
    bobs = iso(Reaction.objects.get().created_at)
    one = {"likes_count": 1, "liked_by": [str(bob.uuid)], "liked_at": bobs}
    assert bobs.endswith("Z") and first == {"message_id": message.uuid, **one, "is_liked": True}
    assert likes(bob, message.uuid) == {**one, "is_liked_by_user": True}
    assert likes(alice, message.uuid) == {**one, "is_liked_by_user": False}

    # One's own message may be liked.
    second = like(alice, message.uuid)
    alices = second["liked_at"]
    assert alices > bobs and second == {
        "message_id": message.uuid,
        "likes_count": 2,
        "liked_by": [str(bob.uuid), str(alice.uuid)],
        "liked_at": alices,
        "is_liked": True,
    }
    # The latest that is still there.
    assert unlike(alice, message.uuid) == {"message_id": message.uuid, **one, "is_liked": False}
    assert likes(alice, message.uuid) == {**one, "is_liked_by_user": False}
    assert unlike(bob, message.uuid) == {"message_id": message.uuid, **none, "is_liked": False}


def test_who_likes_it_is_told_in_the_order_of_their_liking(
    alice: User, bob: User, charlie: User, three: Chat
) -> None:
    sent = send_message(alice, chat=three.id, content="x").message
    for person in (charlie, alice, bob):
        like(person, sent.uuid)
    like(charlie, sent.uuid)
    assert likes(bob, sent.uuid)["liked_by"] == [str(p.uuid) for p in (charlie, alice, bob)]
    # Who takes theirs off and likes again is the last one.
    unlike(charlie, sent.uuid)
    like(charlie, sent.uuid)
    assert likes(bob, sent.uuid)["liked_by"] == [str(p.uuid) for p in (alice, bob, charlie)]


def test_a_message_goes_by_each_form_of_its_id_and_with_a_slash(
    alice: User, bob: User, message: MessageFacts
) -> None:
    for ref in (message.id, message.uuid, message.uuid.upper(), message.uuid.replace("-", "")):
        for slash in ("", "/"):
            assert ask(bob, "PUT", f"{ref}/read{slash}")["message_id"] == message.uuid
            edited = ask(alice, "PUT", f"{ref}/edit{slash}", {"content": "x"})
            assert edited["id"] == message.uuid
            for method, path in (("GET", "status"), ("POST", "like"), ("DELETE", "like")):
                answer = ask(bob, method, f"{ref}/{path}{slash}")
                assert answer["message_id"] == message.uuid
            assert ask(bob, "GET", f"{ref}/likes{slash}")["likes_count"] == 0


# --- the life of a message -------------------------------------------------------------------


def test_a_message_goes_through_its_life(
    alice: User, bob: User, charlie: User, three: Chat
) -> None:
    sent = send_message(alice, chat=three.id, content="0").message
    bobs, charlies = str(bob.uuid), str(charlie.uuid)

    def now() -> tuple[Any, ...]:
        found = status(bob, sent.uuid)
        return found["status"], found["is_edited"], found["read_by"]

    assert now() == ("delivered", False, [])
    # The author is no reader.
    assert read(alice, sent.uuid)["status"] == "delivered"
    assert now() == ("delivered", False, [])
    first = read(bob, sent.uuid)
    assert now() == ("read", False, [bobs])
    assert edit(alice, sent.uuid, "1")["status"] == "edited"
    assert now() == ("edited", True, [bobs])
    # Who has read it in any version reads it no second time.
    again = read(bob, sent.uuid)
    assert again == {**first, "status": "edited", "status_text": "Edited"}
    assert now() == ("edited", True, [bobs])
    last = read(charlie, sent.uuid)
    assert (last["status"], last["read_by"]) == ("read", [bobs, charlies])
    # When the first of them did.
    assert last["read_at"] == first["read_at"]
    assert now() == ("read", True, [bobs, charlies])
    assert edit(alice, sent.uuid, "2")["status"] == "edited"
    delete_message(alice, message=sent.id)
    found = status(bob, sent.uuid)
    deleted_at = Message.objects.get().deleted_at
    assert deleted_at is not None
    assert (found["status"], found["status_text"]) == ("deleted", "Deleted")
    assert (found["is_edited"], found["read_by"]) == (True, [bobs, charlies])
    assert found["updated_at"] == iso(deleted_at)
    assert logged(three) == [
        "message_sent",
        "message_read",
        "message_edited",
        "message_read",
        "message_edited",
        "message_deleted",
    ]


def test_an_edit_before_anybody_read_it_then_a_first_reading(
    alice: User, bob: User, message: MessageFacts
) -> None:
    edited = edit(alice, message.uuid, "y")
    answer = read(bob, message.uuid)
    assert answer["status"] == "read"
    found = status(alice, message.uuid)
    assert (found["status"], found["is_edited"]) == ("read", True)
    assert (found["edited_at"], found["updated_at"]) == (edited["edited_at"], answer["read_at"])


def test_reading_ones_own_message_changes_nothing(
    alice: User, group: Chat, message: MessageFacts
) -> None:
    assert read(alice, message.uuid) == {
        "message_id": message.uuid,
        "status": "delivered",
        "status_text": "Delivered",
        "read_by": [],
        "read_at": None,
    }
    assert not Receipt.objects.exists() and logged(group) == ["message_sent"]


def test_the_author_is_told_who_has_read_theirs(
    alice: User, bob: User, message: MessageFacts
) -> None:
    answer = read(bob, message.uuid)
    assert read(alice, message.uuid) == answer


def test_reading_again_is_the_same_answer_and_no_event(
    bob: User, group: Chat, message: MessageFacts
) -> None:
    first = read(bob, message.uuid)
    assert read(bob, message.uuid) == read(bob, message.id) == first
    assert Receipt.objects.count() == 1 and logged(group) == ["message_sent", "message_read"]


def test_the_same_text_again_is_no_edit(alice: User, group: Chat, message: MessageFacts) -> None:
    assert edit(alice, message.uuid, "Привет") == {
        "id": message.uuid,
        "content": "Привет",
        "status": "delivered",
        "is_edited": False,
        "edited_at": None,
    }
    first = edit(alice, message.uuid, "y")
    assert edit(alice, message.uuid, "y") == first
    assert logged(group) == ["message_sent", "message_edited"]
    assert Revision.objects.count() == 1


def test_liking_twice_or_unliking_what_is_not_liked_changes_nothing(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    nothing = unlike(bob, message.uuid)
    assert (nothing["likes_count"], nothing["is_liked"]) == (0, False)
    first = like(bob, message.uuid)
    assert like(bob, message.uuid) == like(bob, message.id) == first
    # Nobody takes off another's.
    theirs = unlike(alice, message.uuid)
    assert theirs == {**first, "is_liked": False}
    gone = unlike(bob, message.uuid)
    assert unlike(bob, message.uuid) == gone == nothing
    assert logged(group) == ["message_sent", "reaction_added", "reaction_removed"]


# --- a like is a reaction --------------------------------------------------------------------


def test_a_like_is_a_reaction_of_the_native_api(
    alice: User, bob: User, message: MessageFacts
) -> None:
    like(bob, message.uuid)
    [reaction] = client(alice).get(f"{MESSAGES}/{message.id}").json()["reactions"]
    assert (reaction["user_id"], reaction["emoji"]) == (bob.id, LIKE)
    response = client(bob).delete(f"{MESSAGES}/{message.id}/reactions/❤️")
    assert response.status_code == 204
    assert likes(bob, message.uuid)["likes_count"] == 0


@pytest.mark.parametrize("heart", ["❤", "❤️"])
def test_a_heart_of_the_native_api_is_a_like(
    alice: User, bob: User, group: Chat, message: MessageFacts, heart: str
) -> None:
    path = f"{MESSAGES}/{message.id}/reactions"
    body = orjson.dumps({"emoji": heart})
    given = client(bob).post(path, body, content_type="application/json").json()
    liked = like(bob, message.uuid)
    assert liked["liked_by"] == [str(bob.uuid)] and liked["liked_at"] == given["created_at"]
    assert Reaction.objects.count() == 1
    unlike(bob, message.uuid)
    assert client(bob).delete(f"{path}/{heart}").status_code == 404
    assert logged(group) == ["message_sent", "reaction_added", "reaction_removed"]


@pytest.mark.parametrize("other", ["🧡", "💔", "❤️‍🔥", "♥️", "👍"])
def test_any_other_emoji_is_no_like(bob: User, message: MessageFacts, other: str) -> None:
    add_reaction(bob, message=message.id, emoji=other)
    assert likes(bob, message.uuid) == {
        "likes_count": 0,
        "liked_by": [],
        "liked_at": None,
        "is_liked_by_user": False,
    }
    unlike(bob, message.uuid)
    assert Reaction.objects.count() == 1


def test_a_message_full_of_emoji_cannot_be_liked_but_a_like_on_it_can(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    for emoji in EMOJI:
        add_reaction(alice, message=message.id, emoji=emoji)
    assert like(bob, message.uuid, expected=403)["code"] == "forbidden"
    other = send_message(alice, chat=group.id, content="x").message
    for emoji in [*EMOJI[1:], LIKE]:
        add_reaction(alice, message=other.id, emoji=emoji)
    assert like(bob, other.uuid)["likes_count"] == 2


# --- who may ---------------------------------------------------------------------------------

EVERYTHING: list[tuple[str, str, Any]] = [
    ("PUT", "read", None),
    ("PUT", "edit", {"content": "y"}),
    ("GET", "status", None),
    ("POST", "like", None),
    ("DELETE", "like", None),
    ("GET", "likes", None),
]
everything = pytest.mark.parametrize(
    ("method", "path", "body"), EVERYTHING, ids=[f"{m} {p}" for m, p, _ in EVERYTHING]
)


@everything
def test_nobody_outside_sees_anything(
    alice: User, bob: User, charlie: User, group: Chat, message: MessageFacts,
    method: str, path: str, body: Any,
) -> None:  # fmt: skip
    like(alice, message.uuid)
    remove_member(alice, chat=group, user=bob)
    before = logged(group)
    nowhere = ask(alice, method, f"{uuid4()}/{path}", body, expected=404)
    assert nowhere["code"] == "not_found"
    for person in (charlie, bob):
        for ref in (message.uuid, message.id, 0, "x", uuid4()):
            assert ask(person, method, f"{ref}/{path}", body, expected=404) == nowhere
    response = Client().generic(
        method, f"{MESSAGES}/{message.uuid}/{path}", orjson.dumps(body), "application/json"
    )
    assert response.status_code == 401
    assert logged(group) == before
    assert Message.objects.get().content == "Привет"


def test_only_the_author_edits(alice: User, bob: User, group: Chat, message: MessageFacts) -> None:
    assert edit(bob, message.uuid, "y", expected=403)["code"] == "forbidden"
    # Nor does the owner of the group.
    bobs = send_message(bob, chat=group.id, content="x").message
    edit(alice, bobs.uuid, "y", expected=403)
    # Nor the author from outside.
    leave_chat(bob, group)
    edit(bob, bobs.uuid, "y", expected=404)
    assert "message_edited" not in logged(group) and not Revision.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": None},
        {"content": ""},
        {"content": " \n"},
        {"content": 5},
        {"content": ["y"]},
        {"content": "x" * 4097},
        {"content": "a\x00"},
        {"text": "y"},
    ],
)
def test_an_edit_wants_a_text(alice: User, group: Chat, message: MessageFacts, body: Any) -> None:
    answer = ask(alice, "PUT", f"{message.uuid}/edit", body, expected=400)
    assert answer["code"] == "invalid" and set(answer["errors"]) == {"content"}
    assert logged(group) == ["message_sent"]


def test_a_text_may_be_as_long_as_any_message(alice: User, message: MessageFacts) -> None:
    assert edit(alice, message.uuid, "я" * 4096)["content"] == "я" * 4096


def test_of_a_deleted_message_only_what_became_of_it_is_told(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    read(bob, message.uuid)
    like(bob, message.uuid)
    delete_message(alice, message=message.id)
    before = logged(group)
    for method, path, body in EVERYTHING:
        if method != "GET":
            ask(alice, method, f"{message.uuid}/{path}", body, expected=404)
    assert logged(group) == before
    found = status(bob, message.uuid)
    assert (found["status"], found["read_by"]) == ("deleted", [str(bob.uuid)])
    assert likes(bob, message.uuid)["likes_count"] == 1
    assert "Привет" not in str(found)


def test_what_has_no_text_gets_one_by_an_edit(alice: User, group: Chat) -> None:
    card = send_message(alice, chat=group.id, content=None, type="card", payload={"a": 1}).message
    assert edit(alice, card.uuid, "y")["content"] == "y"
    assert Message.objects.get().payload == {"a": 1}
    assert Revision.objects.get().content is None


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "language"),
    [("", "ru"), ("ru", "ru"), ("de", "ru"), ("en", "en"), ("en-GB,ru;q=0.5", "en")],
)
def test_a_status_is_put_into_the_words_of_the_request(
    alice: User, bob: User, message: MessageFacts, asked: str, language: str
) -> None:
    def words(answer: Any) -> str:
        here: str = answer["status"]
        assert answer["status_text"] == (RUSSIAN[here] if language == "ru" else here.capitalize())
        return here

    spoken: dict[str, str] = {"accept-language": asked}
    assert words(status(bob, message.uuid, **spoken)) == "delivered"
    assert words(read(alice, message.uuid, **spoken)) == "delivered"
    assert words(read(bob, message.uuid, **spoken)) == "read"
    edit_message(alice, message=message.id, content="y")
    assert words(status(bob, message.uuid, **spoken)) == "edited"
    delete_message(alice, message=message.id)
    assert words(status(bob, message.uuid, **spoken)) == "deleted"


def test_every_status_has_its_word() -> None:
    for name, word in RUSSIAN.items():
        with override("ru"):
            assert shapes.text(name) == word
        with override("en"):
            assert shapes.text(name) == name.capitalize()


# --- what was said before --------------------------------------------------------------------


def test_what_it_said_before_is_kept_until_it_is_deleted(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    other = send_message(alice, chat=group.id, content="other").message
    edit(alice, other.uuid, "another")
    times = [edit(alice, message.uuid, text)["edited_at"] for text in ("1", "2", "2", "3")]
    kept = Revision.objects.filter(message_id=message.id).values_list("content", "replaced_at")
    # Until when it said so, in that order; what changed nothing leaves nothing.
    assert [(content, iso(at)) for content, at in kept] == [
        ("Привет", times[0]),
        ("1", times[1]),
        ("2", times[3]),
    ]
    # It is for moderators: no client is told.
    for path in ("status", "likes"):
        assert "Привет" not in str(ask(bob, "GET", f"{message.uuid}/{path}"))
    assert "Привет" not in client(bob).get(f"{MESSAGES}/{message.id}").content.decode()
    read_message(bob, message=message.id)
    assert client(alice).delete(f"{MESSAGES}/{message.id}").status_code == 204
    assert list(Revision.objects.values_list("message_id", "content")) == [(other.id, "other")]
