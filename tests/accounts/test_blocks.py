"""Blocks: who wants nothing of whom, kept in one direction and meant in both."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import blocks
from accounts.models import User
from accounts.selectors import active_users
from accounts.services import ban, service_account
from messenger.errors import Forbidden, Invalid, NotFound


def test_a_block_is_made_once_and_taken_back_once(alice: User, bob: User) -> None:
    _, new = blocks.block(alice, bob.id)
    again, newer = blocks.block(alice, bob.uuid)
    assert (new, newer) == (True, False)
    assert [block.blocked for block in blocks.blocks_of(alice)] == [bob]
    assert not blocks.blocks_of(bob).exists()
    assert blocks.unblock(alice, bob.uuid) and not blocks.unblock(alice, bob.id)


def test_nobody_blocks_themselves_or_nobody(alice: User) -> None:
    with pytest.raises(Invalid):
        blocks.block(alice, alice.id)
    for nobody in (10**9, uuid4()):
        with pytest.raises(NotFound):
            blocks.block(alice, nobody)


def test_who_is_banned_can_be_unblocked(alice: User, bob: User) -> None:
    blocks.block(alice, bob.id)
    ban(bob)
    assert blocks.unblock(alice, bob.id)


def test_a_block_keeps_the_two_apart_in_both_directions(
    alice: User, bob: User, charlie: User
) -> None:
    blocks.block(bob, alice.id)
    pairs = [(alice.id, bob.id), (bob.id, alice.id), (alice.id, charlie.id)]
    assert blocks.blockers(pairs) == {pairs[0]: bob.id, pairs[1]: bob.id}
    blocks.block(alice, bob.id)
    assert blocks.blockers(pairs) == {pairs[0]: alice.id, pairs[1]: bob.id}
    assert blocks.apart([alice.id, bob.id, charlie.id]) == {
        alice.id: {bob.id},
        bob.id: {alice.id},
    }
    assert blocks.apart([charlie.id]) == {} == blocks.blockers([])


def test_sending_reads_no_blocks_but_those_between_the_two(
    alice: User, bob: User, charlie: User
) -> None:
    blocks.block(bob, charlie.id)
    with CaptureQueriesContext(connection) as asked:
        assert blocks.blockers([(alice.id, bob.id)]) == {}
    with connection.cursor() as cursor:
        cursor.execute(asked[0]["sql"])
        assert len(asked) == 1 and cursor.fetchall() == []


def test_the_account_of_notices_is_one_and_in_no_list(alice: User) -> None:
    service = service_account()
    assert service == service_account()
    assert not service.has_usable_password()
    assert list(active_users()) == [alice]


def test_somebody_who_is_called_moderation_keeps_the_name(db: None) -> None:
    theirs = User.objects.create_user("m@example.org", username="Moderation")
    service = service_account()
    assert service != theirs and service.username.startswith("moderation.")


def test_nobody_blocks_the_whole_world(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST", 1)
    blocks.block(alice, bob.id)
    assert blocks.block(alice, bob.id)[1] is False
    with pytest.raises(Forbidden):
        blocks.block(alice, charlie.id)
