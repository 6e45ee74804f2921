"""`/api/v1/chats/{id}/events` and `/api/v1/sync`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chats.models import Chat, LogEntry
from chats.services import add_member, create_chat, leave_chat, update_chat
from messaging import history
from messaging.services import add_reaction, delete_message, read_message, send_message
from messenger.realtime.threads import in_db
from tests.people import client
from tests.races import at_once
from tests.sockets import nodus


@pytest.fixture
def bobs(bob: User) -> Client:
    return client(bob)


def say(author: User, chat: Chat, *texts: str) -> list[int]:
    return [send_message(author, chat=chat.id, content=text).message.id for text in texts]


def events(client: Client, chat: Chat, query: str = "") -> Any:
    response = client.get(f"/api/v1/chats/{chat.id}/events{query}")
    assert response.status_code == 200, response.content
    return response.json()


async def test_the_log_says_over_rest_what_the_socket_says(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    def happen() -> Any:
        [first, second] = say(alice, group, "one", "two")
        add_reaction(bob, message=first, emoji="👍")
        read_message(bob, message=first)
        delete_message(alice, message=second)
        add_member(alice, chat=group, user=charlie)
        update_chat(alice, chat=group, name="Renamed")
        leave_chat(charlie, group)

    await in_db(happen)
    said = await in_db(lambda: events(client(bob), group, "?after_seq=1"))
    async with nodus(bob) as b:
        data = {"chats": {str(group.id): 1}}
        await b.send({"event": "resume", "data": data})
        told = []
        while (frame := await b.get())["event"] != "resumed":
            told.append(frame)
    assert said == {"events": told, "has_more": False, "last_seq": 9, "reset": None}
    assert [frame["seq"] for frame in told] == list(range(2, 10))


def test_pages_of_the_log_joined_are_the_whole(alice: User, bobs: Client, group: Chat) -> None:
    say(alice, group, *"abcdefg")
    whole = events(bobs, group)
    assert [event["seq"] for event in whole["events"]] == list(range(1, 9))
    assert whole["events"][0]["event"] == "chat.created" and not whole["has_more"]
    joined: list[Any] = []
    more, after = True, 0
    while more:
        page = events(bobs, group, f"?after_seq={after}&limit=3")
        joined += page["events"]
        more, after = page["has_more"], page["events"][-1]["seq"]
        assert page["last_seq"] == 8
    assert joined == whole["events"]


def test_at_the_end_of_the_log_there_is_nothing(bobs: Client, group: Chat) -> None:
    nothing = {"events": [], "has_more": False, "last_seq": 1, "reset": None}
    assert events(bobs, group, "?after_seq=1") == nothing


def test_a_log_that_does_not_reach_back_says_so(alice: User, bobs: Client, group: Chat) -> None:
    say(alice, group, "a", "b")
    LogEntry.objects.filter(seq__lt=3).delete()
    expired = {"reason": "expired", "seq": 3}
    empty = {"events": [], "has_more": False, "last_seq": 3}
    assert events(bobs, group, "?after_seq=1") == {**empty, "reset": expired}
    assert [event["seq"] for event in events(bobs, group, "?after_seq=2")["events"]] == [3]
    ahead = {"reason": "ahead", "seq": 3}
    assert events(bobs, group, "?after_seq=4") == {**empty, "reset": ahead}


@pytest.mark.parametrize(
    "query", ["?after_seq=-1", "?after_seq=x", "?after_seq=1.0", "?limit=0", "?limit=501"]
)
def test_a_page_of_the_log_that_makes_no_sense_is_refused(
    bobs: Client, group: Chat, query: str
) -> None:
    assert bobs.get(f"/api/v1/chats/{group.id}/events{query}").status_code == 400


def test_a_client_starts_from_all_its_chats(
    alice: User, bob: User, bobs: Client, group: Chat, django_assert_max_num_queries: Any
) -> None:
    [first, second] = say(alice, group, "one", "two")
    add_reaction(bob, message=second, emoji="👍")
    read_message(bob, message=first)
    private = create_chat(alice, kind="private", members=[bob])
    for number in range(3):
        create_chat(alice, kind="group", name=f"{number}", members=[bob])
    say(bob, private, "hi")
    with django_assert_max_num_queries(14):
        state = bobs.get("/api/v1/sync").json()
    assert state["user"]["id"] == bob.id and state["user"]["email"] == bob.email
    assert len(state["chats"]) == 5
    found = {chat["id"]: chat for chat in state["chats"]}
    # Latest activity first.
    assert state["chats"][0] == found[private.id]
    assert (found[private.id]["name"], found[private.id]["partner"]["id"]) == ("Alice", alice.id)
    chat = found[group.id]
    assert (chat["seq"], chat["unread_count"], chat["last_message"]["id"]) == (5, 1, second)
    assert [r["emoji"] for r in chat["last_message"]["reactions"]] == ["👍"]
    # A list of chats says the same.
    assert bobs.get("/api/v1/chats").json()["chats"] == state["chats"]


def test_who_is_in_no_chat_starts_from_none(charlie: User) -> None:
    assert client(charlie).get("/api/v1/sync").json()["chats"] == []


def test_what_happens_while_it_is_read_is_wholly_in_it_or_wholly_not(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last message and the `seq` are of one moment, although they are several queries."""
    say(alice, group, "before")
    bobs = client(bob)
    from messenger.protocols.nodus.rest import chats

    def meanwhile(look: Callable[..., Any], *args: Any) -> Any:
        # Between two queries of the snapshot somebody else writes.
        [outcome] = at_once(partial(try_to_say, alice, group))
        return look(*args)

    monkeypatch.setattr(chats, "last_messages", partial(meanwhile, history.last_messages))
    [chat] = bobs.get("/api/v1/sync").json()["chats"]
    assert (chat["seq"], chat["last_message"]["content"], chat["unread_count"]) == (2, "before", 1)


def try_to_say(alice: User, group: Chat) -> None:
    from django.db import connection

    if connection.vendor == "sqlite":
        # Its one writer waits until the snapshot is over.
        return
    say(alice, group, "meanwhile")
