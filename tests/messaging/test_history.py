"""History in pages, whatever their size."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.reading import read_message
from messaging.selectors import history
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
