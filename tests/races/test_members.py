"""Joining, adding, leaving, removing and roles, all at the same moment."""

from collections.abc import Sequence

from accounts.services import ban
from chats.models import Chat, LogEntry, Membership
from chats.services import change_role, create_chat
from tests.races.arena import CROWD, Arena, Caller, by_hand, statuses

OWNER, MEMBER = {"role": "owner"}, {"role": "member"}


def group(owners: Sequence[Caller], others: Sequence[Caller] = (), is_open: bool = False) -> Chat:
    first, *more = owners
    members = [person.user for person in (*more, *others)]
    chat = create_chat(first.user, kind="group", name="G", members=members, is_open=is_open)
    for owner in more:
        change_role(first.user, chat=chat, user=owner.user, role=Membership.Role.OWNER)
    return chat


def roles(chat: Chat) -> dict[int, str]:
    return dict(Membership.objects.filter(chat_id=chat.id).values_list("user_id", "role"))


def owned_or_closed(chat: Chat) -> None:
    """Whoever is left, one of them owns it; where nobody is left, it is deleted."""
    chat.refresh_from_db()
    left = roles(chat)
    assert (chat.deleted_at is None) == bool(left)
    assert not left or "owner" in left.values(), left


def test_who_joins_many_times_has_come_once(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group([alice], is_open=True)
        with arena.witnessed(alice, chat):
            answers = arena.race([bob(f"POST chats/{chat.id}/join")] * CROWD)
        assert statuses(answers) == {200: CROWD}
        assert LogEntry.objects.filter(chat_id=chat.id, kind="member_joined").count() == 1
        assert set(roles(chat)) == {alice.id, bob.id}


def test_all_who_join_at_once_are_in_it(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, *people = arena.people(CROWD + 1)
        chat = group([alice], is_open=True)
        with arena.witnessed(alice, chat):
            answers = arena.race([person(f"POST chats/{chat.id}/join") for person in people])
        assert statuses(answers) == {200: CROWD}
        assert len(roles(chat)) == CROWD + 1


def test_who_is_added_many_times_has_come_once(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group([alice, bob])
        body = {"user_id": carol.id}
        turns = [one(f"POST chats/{chat.id}/members", body) for one in (alice, bob)] * (CROWD // 2)
        with arena.witnessed(alice, chat):
            answers = arena.race(turns)
        assert statuses(answers) == {200: CROWD - 1, 201: 1}
        assert len(roles(chat)) == 3


def test_when_the_last_two_owners_leave_somebody_owns_it(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group([alice, bob], arena.random.choice([[], [carol]]))
        turns = [one(f"POST chats/{chat.id}/leave") for one in (alice, bob)] * (CROWD // 2)
        answers = arena.race(turns)
        assert statuses(answers) == {204: 2, 404: CROWD - 2}
        owned_or_closed(chat)


def test_who_leaves_while_being_promoted_is_gone(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group([alice], [bob, carol])
        turns = [
            alice(f"PATCH chats/{chat.id}/members/{bob.id}", OWNER),
            bob(f"POST chats/{chat.id}/leave"),
            alice(f"POST chats/{chat.id}/leave"),
        ] * (CROWD // 3)
        answers = arena.race(turns)
        assert set(statuses(answers)) <= {200, 204, 404}
        assert set(roles(chat)) == {carol.id}
        owned_or_closed(chat)


def test_owners_who_step_back_and_leave_at_once_leave_one(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group([alice, bob], [carol])
        turns = [
            alice(f"PATCH chats/{chat.id}/members/{alice.id}", MEMBER),
            bob(f"PATCH chats/{chat.id}/members/{bob.id}", MEMBER),
            bob(f"POST chats/{chat.id}/leave"),
        ] * (CROWD // 3)
        answers = arena.race(turns)
        # No owner any more, not in it any more, the only owner.
        assert set(statuses(answers)) <= {200, 204, 403, 404, 409}
        owned_or_closed(chat)


def test_who_is_banned_while_being_added_is_in_it_or_is_not(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group([alice], [bob])

        add = alice(f"POST chats/{chat.id}/members", {"user_id": carol.id})
        answers = arena.race([*[add] * (CROWD - 1), by_hand(ban, carol.user)])
        added = statuses(answers[:-1])
        assert set(added) <= {200, 201, 400, 404}, added
        assert (carol.id in roles(chat)) is (added.get(201, 0) == 1)
        assert LogEntry.objects.filter(chat_id=chat.id, kind="member_joined").count() == added.get(
            201, 0
        )


def test_nobody_joins_what_is_deleted(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, *people = arena.people(CROWD)
        chat = group([alice], is_open=True)
        joins = [person(f"POST chats/{chat.id}/join") for person in people]
        answers = arena.race([*joins, alice(f"DELETE chats/{chat.id}")])
        assert answers[-1].status == 204
        came = statuses(answers[:-1])
        assert set(came) <= {200, 404}
        joined = LogEntry.objects.filter(chat_id=chat.id, kind="member_joined").count()
        # One may have come in time, and then have found nothing to be shown any more.
        assert came.get(200, 0) <= joined <= CROWD - 1


def test_who_is_removed_and_joins_again_is_in_it_by_the_last_of_both(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group([alice], [bob, carol], is_open=True)
        turns = [
            bob(f"POST chats/{chat.id}/join"),
            alice(f"DELETE chats/{chat.id}/members/{bob.id}"),
        ] * (CROWD // 2)
        with arena.witnessed(carol, chat):
            answers = arena.race(turns)
        assert set(statuses(answers)) <= {200, 204, 404}
        moves = LogEntry.objects.filter(chat_id=chat.id).exclude(kind="chat_created")
        assert (bob.id in roles(chat)) is (moves.latest("seq").kind == "member_joined")
