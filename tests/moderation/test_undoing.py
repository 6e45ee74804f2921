"""Who takes decisions back, and when."""

from functools import partial

import pytest

from accounts.models import User
from messaging.models import Message
from messenger.errors import Conflict, Forbidden, Invalid
from moderation.models import AuditEntry, Case, Decision
from moderation.services import decide, open_case, undo
from tests.races import at_once


def test_a_decision_is_undone_by_its_moderator_or_a_senior(
    alice: User, bob: User, mia: User, max: User, sara: User, mine: Case
) -> None:
    [decision] = decide(mia, mine, action="warn", reason="Rude")
    for person in (max, bob, alice):
        with pytest.raises(Forbidden):
            undo(person, decision, reason="Fine")
    with pytest.raises(Invalid):
        undo(mia, decision, reason="  ")
    undo(sara, decision, reason="A quote")
    assert decision.undone_by == sara
    with pytest.raises(Conflict):
        undo(mia, decision, reason="Again")
    assert AuditEntry.objects.filter(action="decision.undone").count() == 1


def test_of_two_who_undo_at_once_one_does(mia: User, sara: User, mine: Case) -> None:
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    outcomes = at_once(
        partial(undo, mia, Decision.objects.get(id=decision.id), reason="One"),
        partial(undo, sara, Decision.objects.get(id=decision.id), reason="Other"),
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "NoneType"], outcomes


def test_nobody_undoes_a_decision_about_themselves(bob: User, mia: User, sara: User) -> None:
    case = open_case(sara, user=mia, reason="Rude")
    [decision] = decide(sara, case, action="warn", reason="Rude")
    mia.groups.set(sara.groups.all())
    with pytest.raises(Forbidden):
        undo(User.objects.get(id=mia.id), decision, reason="I am nice")


def test_a_dismissal_leaves_nothing_to_undo(mia: User, mine: Case) -> None:
    [decision] = decide(mia, mine, action="dismiss", reason="Fine")
    with pytest.raises(Conflict):
        undo(mia, decision, reason="Not fine")


def test_what_is_not_kept_any_more_does_not_come_back(
    mia: User, mine: Case, message: Message
) -> None:
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    mine.evidence.update(content={})
    with pytest.raises(Conflict):
        undo(mia, decision, reason="Fine")
    decision.refresh_from_db()
    assert decision.undone_at is None
