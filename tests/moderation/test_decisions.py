"""Decisions: what each does, who may make which, and how each is undone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services import log_in
from chats.models import Chat
from chats.mutes import mutes_of
from chats.selectors import chat_for
from chats.services import add_member, create_chat, delete_chat
from messaging.models import Message, Revision
from messaging.services import delete_message, edit_message, send_message
from messenger.errors import Banned, Conflict, Forbidden, Invalid, Muted, NotFound
from moderation import reports
from moderation.models import AuditEntry, Case, Decision, Notice, Rule, WaitingMessage
from moderation.services import (
    actions_for,
    assign,
    ban_person,
    claim,
    decide,
    erase,
    open_case,
    reopen_chat,
    report_message,
    report_person,
    undo,
)
from tests.chats.helpers import meanwhile
from tests.people import PASSWORD
from tests.races import at_once

DAY = timedelta(days=1)


def ahead(days: float = 1) -> datetime:
    return timezone.now() + timedelta(days=days)


def claimed(moderator: User, case: Case) -> Case:
    claim(moderator, case)
    return case


def untold() -> list[tuple[str, str]]:
    """(username, kind) of all notices, but for thanks for a report."""
    rows = Notice.objects.exclude(kind="report_received").order_by("id")
    return list(rows.values_list("person__username", "kind"))


def nothing_happened(case: Case) -> bool:
    case.refresh_from_db()
    return (
        case.state == "open"
        and not Decision.objects.exists()
        and not untold()
        and not AuditEntry.objects.filter(action="case.decided").exists()
    )


# --- what each does --------------------------------------------------------------------------


def test_a_dismissal_changes_nothing_and_tells_only_who_reported(
    mia: User, mine: Case, message: Message
) -> None:
    [decision] = decide(mia, mine, action="dismiss", reason=" Harmless ")
    assert (decision.action, decision.moderator, decision.reason) == ("dismiss", mia, "Harmless")
    assert mine.state == "closed" and mine.closed_at is not None and mine.assignee == mia
    assert untold() == [("alice", "report_decided")]
    message.refresh_from_db()
    assert message.deleted_at is None
    entry = AuditEntry.objects.first()
    assert entry is not None and (entry.action, entry.target, entry.reason) == (
        "case.decided",
        f"case {mine.id}",
        "Harmless",
    )
    assert entry.facts["actions"] == ["dismiss"] and entry.actor_id == mia.id


def test_a_removed_message_is_gone_for_all_and_comes_back_as_it_was(
    bob: User, mia: User, mine: Case, message: Message, published: list[Any]
) -> None:
    edit_message(bob, message=message.id, content="You are all very stupid")
    published.clear()
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    message.refresh_from_db()
    assert message.deleted_at is not None and message.content is None
    assert not Revision.objects.exists()
    assert [event.kind for event in published if event.kind.startswith("message_d")] == [
        "message_deleted"
    ]
    assert untold() == [("bob", "message_removed"), ("alice", "report_decided")]
    undo(mia, decision, reason="A misunderstanding")
    message.refresh_from_db()
    # As it was when it was removed, not as it was when it was reported.
    assert message.deleted_at is None and message.content == "You are all very stupid"
    assert decision.undone_by == mia and decision.undo_reason == "A misunderstanding"
    assert untold()[-1] == ("bob", "undone")
    entry = AuditEntry.objects.first()
    assert entry is not None and entry.action == "decision.undone"


def test_a_payload_comes_back_too(alice: User, bob: User, mia: User, group: Chat) -> None:
    sent = send_message(bob, chat=group.id, content=None, type="poll", payload={"a": [1, None]})
    case = claimed(mia, report_message(alice, message=sent.message.id, reason="spam").case)
    [decision] = decide(mia, case, action="remove", reason="Spam")
    undo(mia, decision, reason="No spam")
    message = Message.objects.get(id=sent.message.id)
    assert (message.content, message.payload, message.type) == (None, {"a": [1, None]}, "poll")


def test_what_its_author_deleted_does_not_come_back(
    bob: User, mia: User, mine: Case, message: Message
) -> None:
    delete_message(bob, message=message.id)
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    undo(mia, decision, reason="A misunderstanding")
    message.refresh_from_db()
    assert message.deleted_at is not None and message.content is None


def test_what_its_author_deletes_meanwhile_does_not_come_back(
    bob: User, mia: User, mine: Case, message: Message
) -> None:
    with meanwhile(partial(delete_message, bob, message=message.id)):
        [decision] = decide(mia, mine, action="remove", reason="Rude")
    undo(mia, decision, reason="A misunderstanding")
    message.refresh_from_db()
    assert message.deleted_at is not None and message.content is None


def test_what_somebody_said_who_was_erased_does_not_come_back(
    bob: User, mia: User, mine: Case, message: Message
) -> None:
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    erase(bob, by=bob)
    undo(mia, decision, reason="A misunderstanding")
    message.refresh_from_db()
    assert message.deleted_at is not None and message.content is None


def test_the_message_of_a_chat_that_is_gone_is_not_removed(
    alice: User, mia: User, mine: Case, group: Chat
) -> None:
    delete_chat(alice, group)
    for options in ({"action": "remove"}, {"action": "warn", "remove": True}):
        with pytest.raises(Conflict):
            decide(mia, mine, reason="Rude", **options)
        assert nothing_happened(mine)
    decide(mia, mine, action="warn", reason="Rude")


def test_a_warning_is_words(mia: User, mine: Case, bob: User, group: Chat) -> None:
    [decision] = decide(mia, mine, action="warn", reason="Rude")
    send_message(bob, chat=group.id, content="Sorry")
    assert untold() == [("bob", "warned"), ("alice", "report_decided")]
    undo(mia, decision, reason="It was a quote")
    assert untold()[-1] == ("bob", "undone")


def test_a_mute_in_a_group_holds_there_until_its_end(
    bob: User, mia: User, mine: Case, group: Chat
) -> None:
    end = ahead(1)
    [decision] = decide(mia, mine, action="mute_here", reason="Rude", until=end)
    assert (decision.chat, decision.until) == (group, end)
    with pytest.raises(Muted) as caught:
        send_message(bob, chat=group.id, content="x")
    assert caught.value.until == end
    own = create_chat(bob, kind="group", name="Own")
    send_message(bob, chat=own.id, content="x")
    undo(mia, decision, reason="Enough")
    send_message(bob, chat=group.id, content="x")
    assert untold() == [("bob", "muted"), ("alice", "report_decided"), ("bob", "undone")]


def test_a_mute_everywhere_holds_everywhere(bob: User, mia: User, mine: Case) -> None:
    own = create_chat(bob, kind="group", name="Own")
    [decision] = decide(mia, mine, action="mute", reason="Rude", until=ahead())
    assert decision.chat is None
    with pytest.raises(Muted):
        send_message(bob, chat=own.id, content="x")
    undo(mia, decision, reason="Enough")
    send_message(bob, chat=own.id, content="x")


def test_the_longest_mute_that_stands_counts(
    alice: User, bob: User, mia: User, group: Chat
) -> None:
    ends = [ahead(2), ahead(5), ahead(1)]
    decisions = []
    for end in ends:
        case = report_person(alice, user=bob.id, chat=group.id, reason="abuse").case
        decisions += decide(mia, claimed(mia, case), action="mute", reason="Rude", until=end)
    assert mutes_of([bob.id]) == {(bob.id, None): ends[1]}
    undo(mia, decisions[1], reason="Too long")
    assert mutes_of([bob.id]) == {(bob.id, None): ends[0]}
    undo(mia, decisions[0], reason="Too long")
    assert mutes_of([bob.id]) == {(bob.id, None): ends[2]}
    undo(mia, decisions[2], reason="Too long")
    assert mutes_of([bob.id]) == {}


def test_a_ban_shuts_out_until_its_end_and_undoing_it_lets_in(
    alice: User, bob: User, sara: User, message: Message
) -> None:
    case = claimed(sara, report_message(alice, message=message.id, reason="abuse").case)
    [decision] = decide(sara, case, action="ban", reason="Threats", until=ahead(3))
    bob.refresh_from_db()
    assert not bob.is_active and bob.banned_until == decision.until
    with pytest.raises(Banned):
        log_in("bob", PASSWORD)
    undo(sara, decision, reason="Mistaken for another")
    assert log_in("bob", PASSWORD).access


def test_a_person_is_let_in_when_no_ban_stands(bob: User, sara: User) -> None:
    for_ever = ban_person(sara, bob, reason="Threats")[0]
    case = claimed(sara, Case.objects.create(kind="person", person=bob))
    short = decide(sara, case, action="ban", reason="Threats", until=ahead())[0]
    bob.refresh_from_db()
    assert bob.banned_at is not None and bob.banned_until is None
    undo(sara, for_ever, reason="Too long")
    bob.refresh_from_db()
    assert not bob.is_active and bob.banned_until == short.until
    undo(sara, short, reason="Enough")
    bob.refresh_from_db()
    assert bob.is_active and bob.banned_at is None


def test_who_was_erased_is_not_let_in(bob: User, sara: User) -> None:
    [decision] = ban_person(sara, bob, reason="Threats")
    User.objects.filter(id=bob.id).update(erased_at=timezone.now(), is_active=False)
    undo(sara, decision, reason="Mistaken")
    bob.refresh_from_db()
    assert not bob.is_active


def test_a_closed_chat_is_gone_for_all_and_comes_back(
    alice: User, bob: User, sara: User, case: Case, group: Chat
) -> None:
    [decision] = decide(sara, claimed(sara, case), action="close_chat", reason="Trade in stolen")
    for person in (alice, bob):
        with pytest.raises(NotFound):
            chat_for(person, group.id)
    assert untold() == [("bob", "chat_closed"), ("alice", "report_decided")]
    undo(sara, decision, reason="It was another chat")
    assert chat_for(bob, group.id) and chat_for(alice, group.id)


def test_a_chat_that_its_owner_deleted_is_neither_closed_nor_brought_back(
    alice: User, sara: User, case: Case, group: Chat
) -> None:
    claim(sara, case)
    [decision] = decide(sara, case, action="close_chat", reason="Trade in stolen things")
    group.refresh_from_db()
    reopen_chat(sara, group, reason="A mistake")
    delete_chat(alice, group)
    undo(sara, decision, reason="A mistake")
    with pytest.raises(NotFound):
        chat_for(alice, group.id)
    other = claimed(sara, Case.objects.create(kind="person", person=case.person, chat=group))
    with pytest.raises(Conflict):
        decide(sara, other, action="close_chat", reason="Again")


def test_a_private_chat_does_not_come_back_beside_a_new_one(
    alice: User, bob: User, sara: User
) -> None:
    sent = send_message(bob, recipient=alice.id, content="Rude")
    case = claimed(sara, report_message(alice, message=sent.message.id, reason="abuse").case)
    [decision] = decide(sara, case, action="close_chat", reason="Threats")
    send_message(alice, recipient=bob.id, content="Hello again")
    with pytest.raises(Conflict):
        undo(sara, decision, reason="A mistake")
    decision.refresh_from_db()
    assert decision.undone_at is None


def test_the_message_goes_with_another_decision_and_each_is_undone_by_itself(
    bob: User, mia: User, mine: Case, message: Message, group: Chat
) -> None:
    removal, mute = decide(mia, mine, action="mute_here", reason="Rude", until=ahead(), remove=True)
    assert (removal.action, mute.action) == ("remove", "mute_here")
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert untold() == [
        ("bob", "message_removed"),
        ("bob", "muted"),
        ("alice", "report_decided"),
    ]
    undo(mia, mute, reason="Enough")
    send_message(bob, chat=group.id, content="x")
    message.refresh_from_db()
    assert message.deleted_at is not None
    undo(mia, removal, reason="Fine")
    message.refresh_from_db()
    assert message.content == "You are all stupid"


def test_everybody_who_reported_is_told_once(
    alice: User, bob: User, charlie: User, mia: User, group: Chat, message: Message
) -> None:
    add_member(alice, chat=group, user=charlie)
    case = report_message(alice, message=message.id, reason="abuse").case
    report_message(charlie, message=message.id, reason="hate")
    decide(mia, claimed(mia, case), action="warn", reason="Rude")
    assert untold() == [
        ("bob", "warned"),
        ("alice", "report_decided"),
        ("charlie", "report_decided"),
    ]


# --- messages that wait ----------------------------------------------------------------------


@pytest.fixture
def held(bob: User, group: Chat, mia: User) -> Case:
    """A message of Bob's that a rule holds back; its case is Mia's."""
    rule = Rule.objects.create(name="Rude", kind="words", patterns="stupid")
    waiting = WaitingMessage.objects.create(
        author=bob, chat=group, type="text", content="stupid", payload=None
    )
    return claimed(mia, reports.wait(waiting, rule.id, "stupid"))


def said(chat: Chat) -> list[str | None]:
    return list(Message.objects.filter(chat=chat).order_by("id").values_list("content", flat=True))


def test_a_dismissal_lets_a_message_through(mia: User, held: Case, group: Chat) -> None:
    decide(mia, held, action="dismiss", reason="Harmless")
    assert said(group) == ["stupid"] and untold() == []


@pytest.mark.parametrize("action", ["remove", "warn", "mute"])
def test_any_other_decision_refuses_it_and_undoing_that_lets_it_through(
    mia: User, held: Case, group: Chat, action: str
) -> None:
    until = ahead() if action == "mute" else None
    decisions = decide(mia, held, action=action, reason="Rude", until=until)
    assert {"remove", action} == {one.action for one in decisions}
    assert said(group) == [] and held.waiting is not None
    for decision in decisions[::-1]:
        undo(mia, decision, reason="Harmless")
    assert said(group) == ["stupid"]


def test_what_can_not_be_let_through_is_not_decided(
    alice: User, mia: User, held: Case, group: Chat
) -> None:
    delete_chat(alice, group)
    with pytest.raises(Conflict):
        decide(mia, held, action="dismiss", reason="Harmless")
    assert nothing_happened(held)
    decide(mia, held, action="remove", reason="Too late")


# --- what can't be decided -------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, field",
    [
        ({"action": "nonsense"}, "action"),
        ({"action": ""}, "action"),
        ({"reason": ""}, "reason"),
        ({"reason": " \n"}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "NUL\x00"}, "reason"),
        ({"reason": "half \ud800"}, "reason"),
        ({"action": "mute"}, "until"),
        ({"action": "mute_here"}, "until"),
        ({"action": "mute", "until": datetime(2020, 1, 1, tzinfo=UTC)}, "until"),
        ({"action": "mute", "until": datetime(9999, 1, 1, tzinfo=UTC)}, "until"),
        ({"action": "mute", "until": datetime(2090, 1, 1)}, "until"),  # noqa: DTZ001
        ({"action": "warn", "until": datetime(2030, 1, 1, tzinfo=UTC)}, "until"),
        ({"action": "dismiss", "remove": True}, "remove"),
    ],
)
def test_what_makes_no_sense_is_not_decided(
    mia: User, mine: Case, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        decide(mia, mine, **{"action": "warn", "reason": "Rude", **options})
    assert set(caught.value.errors) == {field}
    assert nothing_happened(mine)


def test_a_case_about_a_person_has_no_message_and_perhaps_no_chat(
    alice: User, bob: User, sara: User
) -> None:
    case = claimed(sara, report_person(alice, user=bob.id, reason="abuse").case)
    for options in (
        {"action": "remove"},
        {"action": "warn", "remove": True},
        {"action": "mute_here", "until": ahead()},
        {"action": "close_chat"},
    ):
        with pytest.raises(Invalid):
            decide(sara, case, reason="Rude", **options)
        assert nothing_happened(case)
    assert actions_for(sara, case) == ["dismiss", "warn", "mute", "ban"]


def test_nobody_is_muted_in_a_private_chat_alone(alice: User, bob: User, mia: User) -> None:
    sent = send_message(bob, recipient=alice.id, content="Rude")
    case = claimed(mia, report_message(alice, message=sent.message.id, reason="abuse").case)
    with pytest.raises(Invalid):
        decide(mia, case, action="mute_here", reason="Rude", until=ahead())
    assert actions_for(mia, case) == ["dismiss", "remove", "warn", "mute"]


# --- who may ---------------------------------------------------------------------------------


def test_a_case_is_decided_by_who_has_it(
    mia: User, max: User, sara: User, root_user: User, case: Case
) -> None:
    for person in (mia, sara, root_user):
        with pytest.raises(Forbidden):
            decide(person, case, action="dismiss", reason="Fine")
    claim(mia, case)
    for person in (max, sara, root_user):
        with pytest.raises(Forbidden):
            decide(person, case, action="dismiss", reason="Fine")
    assert nothing_happened(case)
    assign(sara, case, max)
    with pytest.raises(Forbidden):
        decide(mia, case, action="dismiss", reason="Fine")
    decide(max, case, action="dismiss", reason="Fine")


@pytest.mark.parametrize(
    "options",
    [
        {"action": "ban"},
        {"action": "ban", "until": DAY},
        {"action": "close_chat"},
        {"action": "mute", "until": 8 * DAY},
        {"action": "mute_here", "until": 8 * DAY},
    ],
)
def test_a_moderator_neither_bans_nor_closes_nor_mutes_for_long(
    mia: User, sara: User, mine: Case, options: dict[str, Any]
) -> None:
    if "until" in options:
        options = {**options, "until": timezone.now() + options["until"]}
    with pytest.raises(Forbidden):
        decide(mia, mine, reason="Rude", **options)
    assert nothing_happened(mine)
    assign(sara, mine, sara)
    assert len(decide(sara, mine, reason="Rude", **options)) == 1


def test_a_moderator_mutes_for_a_week(mia: User, mine: Case) -> None:
    assert decide(mia, mine, action="mute", reason="Rude", until=ahead(7))
    assert "ban" not in actions_for(mia, mine)


def test_who_was_made_the_assignee_of_a_case_about_themselves_does_not_decide_it(
    alice: User, mia: User
) -> None:
    case = report_person(alice, user=mia.id, reason="abuse").case
    Case.objects.filter(id=case.id).update(assignee=mia)
    with pytest.raises(Forbidden):
        decide(mia, case, action="dismiss", reason="Fine")
    assert nothing_happened(case)


def test_who_reported_does_not_decide(bob: User, mia: User, mine: Case) -> None:
    case = open_case(mia, user=bob, reason="Rude")
    report_person(mia, user=bob.id, reason="abuse")
    with pytest.raises(Forbidden):
        decide(mia, case, action="warn", reason="Rude")
    assert nothing_happened(case)


def test_who_rose_since_is_decided_about_by_nobody_below(
    bob: User, mia: User, sara: User, mine: Case
) -> None:
    bob.groups.set(sara.groups.all())
    User.objects.filter(id=bob.id).update(is_staff=True)
    with pytest.raises(Forbidden):
        decide(mia, mine, action="warn", reason="Rude")
    assert nothing_happened(mine)


@pytest.mark.parametrize("action", ["mute", "mute_here", "ban"])
def test_a_superuser_is_not_shut_out_even_by_another(
    alice: User, group: Chat, root_user: User, action: str
) -> None:
    second = User.objects.create_superuser("second@example.org", username="second")
    add_member(alice, chat=group, user=second)
    sent = send_message(second, chat=group.id, content="Rude")
    case = report_message(alice, message=sent.message.id, reason="abuse").case
    claim(root_user, case)
    with pytest.raises(Forbidden):
        decide(root_user, case, action=action, reason="Rude", until=ahead())
    assert nothing_happened(case)
    assert actions_for(root_user, case) == ["dismiss", "remove", "warn", "close_chat"]
    assert decide(root_user, case, action="remove", reason="Rude")


def test_a_case_is_decided_once(mia: User, mine: Case) -> None:
    decide(mia, mine, action="warn", reason="Rude")
    with pytest.raises(Conflict):
        decide(mia, mine, action="dismiss", reason="Fine")
    assert Decision.objects.count() == 1


def test_of_two_who_decide_at_once_one_does(
    bob: User, mia: User, sara: User, mine: Case, message: Message
) -> None:
    def fresh(act: Callable[..., Any], who: User, **options: Any) -> Any:
        return partial(act, who, Case.objects.get(id=mine.id), **options)

    outcomes = at_once(
        fresh(decide, mia, action="remove", reason="Rude"),
        fresh(decide, mia, action="mute", reason="Rude", until=ahead()),
        fresh(decide, mia, action="dismiss", reason="Fine"),
    )
    done = [one for one in outcomes if isinstance(one, list)]
    refused = [one for one in outcomes if not isinstance(one, list)]
    assert len(done) == 1 and {type(one) for one in refused} == {Conflict}, outcomes
    [decision] = Decision.objects.all()
    assert [decision] == done[0]
    message.refresh_from_db()
    assert (message.deleted_at is not None) == (decision.action == "remove")
    assert bool(mutes_of([bob.id])) == (decision.action == "mute")
    assert len([one for one in untold() if one[0] == "alice"]) == 1
    assert AuditEntry.objects.filter(action="case.decided").count() == 1


def test_deciding_while_people_write_and_edit_and_report_ends(
    alice: User, bob: User, charlie: User, mia: User, mine: Case, message: Message, group: Chat
) -> None:
    add_member(alice, chat=group, user=charlie)
    outcomes = at_once(
        partial(decide, mia, mine, action="mute", reason="Rude", until=ahead(), remove=True),
        partial(edit_message, bob, message=message.id, content="Sorry"),
        partial(send_message, alice, chat=group.id, content="Hm"),
        partial(report_message, charlie, message=message.id, reason="abuse"),
    )
    assert isinstance(outcomes[0], list), outcomes
    message.refresh_from_db()
    assert message.deleted_at is not None and message.content is None
    allowed = (Muted, NotFound)
    assert not [
        one for one in outcomes if isinstance(one, Exception) and not isinstance(one, allowed)
    ], outcomes


def test_two_mutes_at_once_leave_the_longer_one(
    alice: User, bob: User, mia: User, max: User, group: Chat, message: Message
) -> None:
    one = claimed(mia, report_message(alice, message=message.id, reason="abuse").case)
    other = claimed(max, report_person(alice, user=bob.id, reason="abuse").case)
    ends = [ahead(1), ahead(2)]
    outcomes = at_once(
        partial(decide, mia, one, action="mute", reason="Rude", until=ends[1]),
        partial(decide, max, other, action="mute", reason="Rude", until=ends[0]),
    )
    assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    assert mutes_of([bob.id]) == {(bob.id, None): ends[1]}
