"""Appeals: one for a decision, by whom it concerns, decided by somebody else."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from messaging.services import send_message
from messenger.errors import Conflict, Forbidden, Invalid, Muted, NotFound
from moderation.models import Appeal, AuditEntry, Case, Decision, Notice
from moderation.services import appeal, assign, decide, decide_appeal, report_person, undo
from tests.races import at_once


@pytest.fixture
def muted(mia: User, mine: Case) -> Decision:
    """Mia muted Bob in the group for a day."""
    until = timezone.now() + timedelta(days=1)
    [decision] = decide(mia, mine, action="mute_here", reason="Rude", until=until)
    return decision


@pytest.fixture
def asked(bob: User, muted: Decision) -> Appeal:
    return appeal(bob, muted.id, text="It was a quote")


def kinds(person: User) -> list[str]:
    return list(Notice.objects.filter(person=person).order_by("id").values_list("kind", flat=True))


def test_who_is_concerned_appeals_once(bob: User, muted: Decision) -> None:
    made = appeal(bob, muted.id, text=" It was a quote ")
    assert (made.decision, made.text, made.outcome) == (muted, "It was a quote", "")
    with pytest.raises(Conflict):
        appeal(bob, muted.id, text="And again")
    assert kinds(bob) == ["muted", "appeal_received"]


def test_of_two_appeals_at_once_there_is_one(bob: User, muted: Decision) -> None:
    same = partial(appeal, bob, muted.id, text="It was a quote")
    outcomes = at_once(same, same)
    assert sorted(type(one).__name__ for one in outcomes) == ["Appeal", "Conflict"], outcomes


def test_others_have_nothing_to_appeal(
    alice: User, mia: User, root_user: User, bob: User, muted: Decision
) -> None:
    for person in (alice, mia, root_user):
        with pytest.raises(NotFound):
            appeal(person, muted.id, text="Let him")
    for nothing in (-1, 0, muted.id + 1):
        with pytest.raises(NotFound):
            appeal(bob, nothing, text="x")


def test_nobody_hears_of_a_dismissal_by_appealing(bob: User, mia: User, mine: Case) -> None:
    [decision] = decide(mia, mine, action="dismiss", reason="Fine")
    with pytest.raises(NotFound):
        appeal(bob, decision.id, text="x")


def test_what_was_undone_needs_no_appeal(bob: User, mia: User, muted: Decision) -> None:
    undo(mia, muted, reason="A quote")
    with pytest.raises(Conflict):
        appeal(bob, muted.id, text="x")


def test_an_appeal_comes_within_thirty_days(bob: User, muted: Decision) -> None:
    days = timedelta(days=30)
    Decision.objects.update(created_at=timezone.now() - days - timedelta(minutes=1))
    with pytest.raises(Forbidden):
        appeal(bob, muted.id, text="x")
    Decision.objects.update(created_at=timezone.now() - days + timedelta(minutes=1))
    assert appeal(bob, muted.id, text="x")


@pytest.mark.parametrize("text", ["", " ", "x" * 1001, "NUL\x00", "half \udfff"])
def test_an_appeal_is_a_text_of_a_thousand_characters(
    bob: User, muted: Decision, text: str
) -> None:
    with pytest.raises(Invalid) as caught:
        appeal(bob, muted.id, text=text)
    assert set(caught.value.errors) == {"text"}
    assert appeal(bob, muted.id, text="ё" * 1000)


def test_a_granted_appeal_undoes_the_decision(
    bob: User, sara: User, asked: Appeal, muted: Decision, group: Chat
) -> None:
    with pytest.raises(Muted):
        send_message(bob, chat=group.id, content="x")
    decide_appeal(sara, asked, grant=True, reason="Indeed a quote")
    send_message(bob, chat=group.id, content="x")
    muted.refresh_from_db()
    assert (muted.undone_by, muted.undo_reason) == (sara, "Indeed a quote")
    assert (asked.outcome, asked.reviewer, asked.reason) == ("granted", sara, "Indeed a quote")
    assert kinds(bob) == ["muted", "appeal_received", "appeal_decided"]
    entries = list(AuditEntry.objects.order_by("-number").values_list("action", "target")[:2])
    assert entries == [
        ("appeal.decided", f"appeal {asked.id}"),
        ("decision.undone", f"decision {muted.id}"),
    ]


def test_an_appeal_that_is_not_granted_leaves_the_decision(
    bob: User, sara: User, asked: Appeal, muted: Decision, group: Chat
) -> None:
    decide_appeal(sara, asked, grant=False, reason="No quote at all")
    with pytest.raises(Muted):
        send_message(bob, chat=group.id, content="x")
    muted.refresh_from_db()
    assert muted.undone_at is None and asked.outcome == "upheld"
    entry = AuditEntry.objects.first()
    assert entry is not None and entry.facts["granted"] is False
    with pytest.raises(Conflict):
        decide_appeal(sara, asked, grant=True, reason="After all")


def test_nobody_decides_the_appeal_of_their_own_decision(
    alice: User, bob: User, mia: User, sara: User, root_user: User
) -> None:
    for moderator in (sara, root_user):
        case = report_person(alice, user=bob.id, reason="abuse").case
        assign(root_user, case, moderator)
        [decision] = decide(moderator, case, action="warn", reason="Rude")
        asked = appeal(bob, decision.id, text="x")
        for grant in (True, False):
            with pytest.raises(Forbidden):
                decide_appeal(moderator, asked, grant=grant, reason="Mine")
        asked.refresh_from_db()
        assert asked.outcome == ""


def test_appeals_are_for_seniors_who_have_no_part_in_it(
    alice: User, bob: User, mia: User, max: User, sara: User, sam: User, adam: User, case: Case
) -> None:
    about = report_person(alice, user=sara.id, reason="abuse").case
    assign(adam, about, adam)
    [decision] = decide(adam, about, action="warn", reason="Rude")
    asked = appeal(sara, decision.id, text="x")
    # Of no rank, the person herself, no higher than she is.
    for person in (bob, max, sara, sam):
        with pytest.raises(Forbidden):
            decide_appeal(person, asked, grant=True, reason="Nice")
    other = report_person(sara, user=bob.id, reason="abuse").case
    assign(sam, other, mia)
    [decision] = decide(mia, other, action="warn", reason="Rude")
    asked = appeal(bob, decision.id, text="x")
    with pytest.raises(Forbidden):
        decide_appeal(sara, asked, grant=False, reason="I reported him")
    decide_appeal(sam, asked, grant=False, reason="Rude indeed")


def test_an_appeal_of_what_is_undone_meanwhile_is_granted(
    bob: User, mia: User, sara: User, asked: Appeal, muted: Decision
) -> None:
    undo(mia, muted, reason="I was wrong")
    asked.refresh_from_db()
    assert (asked.outcome, asked.reviewer) == ("granted", mia)
    with pytest.raises(Conflict):
        decide_appeal(sara, asked, grant=False, reason="No")


def test_of_two_who_decide_an_appeal_at_once_one_does(
    bob: User, sara: User, sam: User, asked: Appeal
) -> None:
    outcomes = at_once(
        partial(decide_appeal, sara, Appeal.objects.get(id=asked.id), grant=True, reason="Yes"),
        partial(decide_appeal, sam, Appeal.objects.get(id=asked.id), grant=False, reason="No"),
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "NoneType"], outcomes
    assert kinds(bob).count("appeal_decided") == 1


def test_an_appeal_that_can_not_be_granted_stays_open(
    bob: User, sara: User, mia: User, mine: Case
) -> None:
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    asked = appeal(bob, decision.id, text="x")
    mine.evidence.update(content={})
    with pytest.raises(Conflict):
        decide_appeal(sara, asked, grant=True, reason="Yes")
    asked.refresh_from_db()
    assert asked.outcome == "" and kinds(bob)[-1] == "appeal_received"


@pytest.mark.parametrize("reason", ["", " ", "x" * 1001, "NUL\x00"])
def test_an_answer_has_a_reason(sara: User, asked: Appeal, reason: str) -> None:
    with pytest.raises(Invalid):
        decide_appeal(sara, asked, grant=True, reason=reason)
