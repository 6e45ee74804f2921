"""No presence between the two of a block, in either direction."""

import pytest

from accounts.blocks import block, unblock
from accounts.models import User
from chats.models import Chat
from messenger.realtime import keeper
from messenger.realtime.threads import in_db
from presence import selectors, services
from tests.chats.helpers import listen
from tests.sockets import messenger_api, miniapp


def test_to_each_other_they_look_as_if_they_had_never_been_here(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    for person in (alice, bob):
        services.heartbeat(person)
    block(alice, bob.id)
    for viewer, other in ((alice, bob), (bob, alice)):
        status = selectors.status_for(viewer, other.id)
        assert (status.status, status.last_seen) == ("offline", None)
        assert selectors.status_for(viewer, viewer.id).status == "online"
        assert selectors.online_contacts(viewer) == []
        assert selectors.online_members(viewer, group) == [viewer]
        services.set_typing(other, chat=group.id, is_typing=True)
        assert selectors.typing_in(viewer, group.id) == []
    unblock(alice, bob.id)
    assert selectors.online_contacts(bob) == [alice]


def test_an_event_names_only_those_who_would_hear_of_it(
    alice: User, bob: User, charlie: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may be blocked by thousands: they are not sent around with every word."""
    published = listen(monkeypatch)
    for other in (alice, charlie):
        block(other, bob.id)
    services.heartbeat(bob)
    services.set_typing(bob, chat=group.id, is_typing=True)
    assert [event.hidden for event in published] == [[alice.id], [alice.id]]


async def test_who_blocks_hears_that_the_other_has_gone_and_is_back_when_it_is_over(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SWEEP", 0.05)
    async with messenger_api(alice, statuses=True) as a, miniapp(bob):
        told = await a.until(type="user_status", user_id=bob.id)
        assert told["status"] == "online"
        await in_db(block, alice, bob.id)
        await in_db(services.part, alice, bob)
        told = await a.until(type="user_status", user_id=bob.id)
        assert told["status"] == "offline"
        await in_db(unblock, alice, bob.id)
        await in_db(services.meet, alice, bob)
        told = await a.until(type="user_status", user_id=bob.id)
        assert told["status"] == "online"
