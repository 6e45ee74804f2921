"""Opening a chat that nobody reported: by a senior, for a reason, for an hour, and it is noted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from chats.services import delete_chat
from messenger.errors import Forbidden, Invalid
from moderation.models import AuditEntry, Opening
from moderation.services import may_read, open_chat, opened_by


def test_a_chat_is_open_for_an_hour_to_who_opened_it(sara: User, sam: User, group: Chat) -> None:
    assert not may_read(sara, group.id)
    opening = open_chat(sara, chat=group, reason=" A tip from outside ")
    assert opening.expires_at - opening.opened_at == timedelta(hours=1)
    assert may_read(sara, group.id) and opened_by(sara) == {group.id}
    assert not may_read(sam, group.id) and opened_by(sam) == set()
    Opening.objects.update(expires_at=timezone.now())
    assert not may_read(sara, group.id) and opened_by(sara) == set()


def test_an_opening_is_noted_with_its_reason(sara: User, group: Chat) -> None:
    opening = open_chat(sara, chat=group, reason="A tip from outside")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.target) == (
        "chat.opened",
        sara.id,
        f"chat {group.id}",
    )
    assert (entry.reason, entry.facts) == ("A tip from outside", {"opening": opening.id})


def test_a_chat_that_is_closed_can_be_opened_to_read(alice: User, sara: User, group: Chat) -> None:
    delete_chat(alice, group)
    open_chat(sara, chat=group, reason="A tip from outside")
    assert may_read(sara, group.id)


def test_moderators_and_people_open_nothing(alice: User, mia: User, group: Chat) -> None:
    for person in (alice, mia):
        with pytest.raises(Forbidden):
            open_chat(person, chat=group, reason="A tip from outside")
    assert not Opening.objects.exists() and not AuditEntry.objects.exists()


def test_a_superuser_opens_chats_like_anybody_else(root_user: User, group: Chat) -> None:
    assert not may_read(root_user, group.id)
    open_chat(root_user, chat=group, reason="A tip from outside")
    assert opened_by(root_user) == {group.id}


@pytest.mark.parametrize("reason", ["", "tip", "  tip  ", "x" * 1001, "a tip\x00", "a tip\ud800"])
def test_there_is_a_reason_worth_the_name(sara: User, group: Chat, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        open_chat(sara, chat=group, reason=reason)
    assert set(caught.value.errors) == {"reason"}
    assert not AuditEntry.objects.exists()


def test_who_lost_the_power_reads_no_more(sara: User, group: Chat) -> None:
    open_chat(sara, chat=group, reason="A tip from outside")
    sara.groups.clear()
    assert not may_read(User.objects.get(id=sara.id), group.id)
