"""History in pages, whatever their size."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.history import history, last_messages
from messaging.reading import read_message
from messaging.services import (
    SendMessage,
    delete_message,
    edit_message,
    send_message,
    send_messages,
)
from messenger.errors import NotFound


@pytest.fixture
def seventeen(alice: User, bob: User, group: Chat) -> list[int]:
    """Ids of seventeen messages, newest first, with others' chats between them."""
    other = create_chat(bob, kind="group", name="Other")
    ids = []
    for n in range(17):
        send_message(bob, chat=other.id, content="elsewhere")
        ids.append(send_message((alice, bob)[n % 2], chat=group.id, content=f"{n}").message.id)
    return ids[::-1]


def test_joined_pages_of_any_size_are_the_whole_history(group: Chat, seventeen: list[int]) -> None:
    whole = history(group.id, limit=100)
    assert [message.id for message in whole.messages] == seventeen and not whole.has_more
    for limit in (1, 2, 3, 5, 16, 17, 18):
        page = history(group.id, limit=limit)
        joined = page.messages
        while page.has_more:
            assert len(page.messages) == limit
            page = history(group.id, limit=limit, before=joined[-1].id)
            joined = joined + page.messages
        assert joined == whole.messages


def test_a_page_does_not_shift_when_something_new_is_said(
    alice: User, group: Chat, seventeen: list[int]
) -> None:
    first = history(group.id, limit=5)
    send_message(alice, chat=group.id, content="new")
    second = history(group.id, limit=5, before=first.messages[-1].id)
    assert [message.id for message in first.messages + second.messages] == seventeen[:10]


def test_a_page_begins_before_a_message_in_either_form_of_its_id(
    group: Chat, seventeen: list[int]
) -> None:
    mark = history(group.id).messages[5]
    by_id = history(group.id, limit=3, before=mark.id)
    assert history(group.id, limit=3, before=UUID(mark.uuid)) == by_id
    assert [message.id for message in by_id.messages] == seventeen[6:9]


def test_before_the_first_message_there_is_nothing(group: Chat, seventeen: list[int]) -> None:
    page = history(group.id, before=seventeen[-1])
    assert page.messages == [] and not page.has_more


def test_before_a_message_that_is_not_in_the_chat_is_not_found(
    alice: User, group: Chat, seventeen: list[int]
) -> None:
    other = create_chat(alice, kind="group", name="Mine")
    foreign = send_message(alice, chat=other.id, content="x").message
    for ref in (foreign.id, UUID(foreign.uuid), -1, 0, uuid4()):
        with pytest.raises(NotFound):
            history(group.id, before=ref)


def test_an_empty_chat_has_an_empty_history(group: Chat) -> None:
    page = history(group.id)
    assert page.messages == [] and not page.has_more
    with pytest.raises(NotFound):
        history(group.id, before=1)


def test_history_shows_messages_as_they_have_become(
    alice: User, bob: User, group: Chat, seventeen: list[int]
) -> None:
    read_message(bob, message=seventeen[0])
    edit_message(alice, message=seventeen[0], content="edited")
    delete_message(bob, message=seventeen[1])
    first, second, third = history(group.id, limit=3).messages
    assert (first.content, first.is_read) == ("edited", True) and first.edited_at
    assert second.content is None and second.deleted_at
    assert (third.content, third.is_read, third.edited_at) == ("14", False, None)
    # A deleted message is still a place to go on from.
    assert history(group.id, limit=1, before=second.id).messages == [third]


def test_the_deepest_page_is_one_query_as_the_first_is(alice: User, group: Chat) -> None:
    send_messages([SendMessage(author_id=alice.id, chat=group.id, content="x")] * 100)
    deep = history(group.id, limit=90).messages[-1]
    for before in (None, deep.id):
        with CaptureQueriesContext(connection) as queries:
            assert len(history(group.id, limit=9, before=before).messages) == 9
        assert len(queries) == 1


def test_forward_pages_joined_are_the_whole_history(group: Chat, seventeen: list[int]) -> None:
    oldest_first = seventeen[::-1]
    for limit in (1, 3, 16, 17, 18):
        page = history(group.id, limit=limit, after=0)
        joined = page.messages[::-1]
        while page.has_more:
            page = history(group.id, limit=limit, after=joined[-1].id)
            joined += page.messages[::-1]
        assert [message.id for message in joined] == oldest_first
    assert history(group.id, after=seventeen[0]).messages == []


def test_a_page_between_two_messages_holds_what_is_between_them(
    group: Chat, seventeen: list[int]
) -> None:
    page = history(group.id, before=seventeen[2], after=seventeen[6])
    assert [message.id for message in page.messages] == seventeen[3:6] and not page.has_more
    page = history(group.id, before=seventeen[2], after=seventeen[6], limit=2)
    assert [message.id for message in page.messages] == seventeen[4:6] and page.has_more


def test_skipping_leaves_out_the_newest(group: Chat, seventeen: list[int]) -> None:
    for skip in (1, 5, 16, 17, 100):
        page = history(group.id, limit=4, skip=skip)
        assert [message.id for message in page.messages] == seventeen[skip : skip + 4]
        assert page.has_more == (skip + 4 < 17)


def test_without_the_deleted_pages_are_as_long_as_asked_for(
    alice: User, group: Chat, seventeen: list[int]
) -> None:
    for id in seventeen[1:9]:
        delete_message(alice, message=id)
    left = seventeen[:1] + seventeen[9:]
    page = history(group.id, limit=3, deleted=False)
    assert [message.id for message in page.messages] == left[:3] and page.has_more
    # A deleted message is still a place to go on from, in both directions.
    page = history(group.id, limit=3, before=seventeen[4], deleted=False)
    assert [message.id for message in page.messages] == left[1:4]
    page = history(group.id, limit=30, after=seventeen[4], deleted=False)
    assert [message.id for message in page.messages] == left[:1]


def test_after_a_message_that_is_not_in_the_chat_is_not_found(
    alice: User, group: Chat, seventeen: list[int]
) -> None:
    other = create_chat(alice, kind="group", name="Mine")
    foreign = send_message(alice, chat=other.id, content="x").message
    for ref in (foreign.id, UUID(foreign.uuid), -1, uuid4()):
        with pytest.raises(NotFound):
            history(group.id, after=ref)


def test_the_last_message_of_each_chat_is_its_newest_that_was_not_deleted(
    alice: User, bob: User, group: Chat, seventeen: list[int]
) -> None:
    empty = create_chat(alice, kind="group", name="Empty")
    private = create_chat(alice, kind="private", members=[bob])
    said = send_message(bob, chat=private.id, content="hi").message
    delete_message(alice, message=seventeen[0])
    found = last_messages([group.id, empty.id, private.id])
    assert {chat_id: facts.id for chat_id, facts in found.items()} == {
        group.id: seventeen[1],
        private.id: said.id,
    }
