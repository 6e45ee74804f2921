"""Who is erased is gone from the account; what was said stays whole, unless it is to go, too."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.utils import timezone

from accounts import tickets
from accounts.blocks import block
from accounts.erasure import unfinished
from accounts.events import LoginsEnded
from accounts.models import Block, Login, Ticket, User
from accounts.selectors import active_users
from accounts.services import (
    ban,
    change_password,
    end_bans,
    log_in,
    register,
    service_account,
    start_login,
)
from accounts.tokens import read_access
from chats.events import ChatDeleted, MemberLeft, RoleChanged
from chats.models import Chat, Membership, Mute
from chats.mutes import mute
from chats.services import create_chat, delete_chat
from messaging.events import MessageDeleted
from messaging.models import Message, Revision
from messaging.services import edit_message, send_message
from messenger.errors import Conflict, Forbidden, Invalid, Unavailable, WrongCredentials
from moderation import erasure
from moderation.models import AuditEntry, Case, Decision, Evidence, Notice, Report, WaitingMessage
from moderation.services import (
    appeal,
    ban_person,
    claim,
    decide,
    decide_appeal,
    erase,
    go_on_erasing,
    report_message,
)
from presence.models import LastSeen
from tests.people import PASSWORD, make_user


def fresh(user: User) -> User:
    return User.objects.get(id=user.id)


# --- the account -----------------------------------------------------------------------------


def test_nothing_in_the_account_says_whose_it_was(bob: User) -> None:
    ban(bob, until=timezone.now() + timedelta(days=1))
    erase(bob, by=bob)
    left = fresh(bob)
    assert (left.username, left.name) == (f"erased-{bob.id}", "Deleted account")
    assert left.email.endswith("@erased.invalid") and "bob" not in left.email
    assert (left.is_active, left.banned_at, left.banned_until) == (False, None, None)
    assert left.erased_at is not None and not left.has_usable_password()
    assert (left.id, left.uuid) == (bob.id, bob.uuid)
    # The end of a ban brings nobody back.
    end_bans()
    assert not fresh(bob).is_active and not active_users().filter(id=bob.id)
    for login in ("bob", "bob@example.org", left.username):
        with pytest.raises(WrongCredentials):
            log_in(login, PASSWORD)


def test_names_and_the_e_mail_are_free_again(bob: User) -> None:
    erase(bob, by=bob)
    again = register(email="bob@example.org", username="bob", password="An0ther-one")
    assert again.id != bob.id


def test_a_name_that_somebody_took_on_purpose_keeps_nobody(alice: User, bob: User) -> None:
    thief = make_user(f"ERASED-{bob.id}")
    erase(bob, by=bob)
    assert fresh(bob).username not in (thief.username, f"erased-{bob.id}")
    assert fresh(bob).erased_at is not None


def test_logins_end_and_what_they_held_goes(alice: User, bob: User, published: list[Any]) -> None:
    bob.groups.create(name="Readers")
    User.objects.filter(id=bob.id).update(is_staff=True)
    pair = start_login(bob)
    tickets.issue(read_access(pair.access))
    block(bob, alice.id)
    block(alice, bob.id)
    mute(bob, chat=None, until=timezone.now() + timedelta(days=1))
    LastSeen.objects.create(user=bob, at=timezone.now())
    erase(bob, by=bob)
    assert not Login.objects.filter(user=bob, ended_at=None).exists()
    [ended] = [one for one in published if isinstance(one, LoginsEnded)]
    assert (ended.user_id, ended.logins) == (bob.id, None)
    for model in (Ticket, Block, Mute, LastSeen):
        assert not model._default_manager.exists(), model
    assert not fresh(bob).is_staff and not bob.groups.exists()


def test_the_admin_remembers_no_name_either(bob: User, root_user: User) -> None:
    people = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=root_user,
        content_type=people,
        object_id=str(bob.id),
        object_repr="Bob",
        action_flag=CHANGE,
    )
    erase(bob, by=bob)
    assert LogEntry.objects.get().object_repr == ""


# --- chats and messages ----------------------------------------------------------------------


def test_groups_are_left_and_private_chats_stay_for_the_other_one(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    private = create_chat(alice, kind="private", members=[bob])
    alone = create_chat(alice, kind="group", name="Alone")
    published.clear()
    erase(alice, by=alice)
    told = [type(one) for one in published if isinstance(one, MemberLeft | RoleChanged)]
    assert told == [MemberLeft, RoleChanged, MemberLeft]
    assert [one.chat_id for one in published if isinstance(one, ChatDeleted)] == [alone.id]
    # Bob owns the group now.
    assert Membership.objects.get(chat=group).user == bob
    assert Membership.objects.get(chat=group).role == Membership.Role.OWNER
    assert Membership.objects.filter(chat=private).count() == 2


def test_what_was_said_stays_but_not_what_it_said_before(
    alice: User, bob: User, group: Chat
) -> None:
    said = send_message(bob, chat=group.id, content="Firts").message
    edit_message(bob, message=said.id, content="First")
    erase(bob, by=bob)
    kept = Message.objects.get(id=said.id)
    assert (kept.content, kept.author_id) == ("First", bob.id)
    assert not Revision.objects.exists()


def test_or_it_goes_in_every_chat_and_everybody_there_is_told(
    alice: User, bob: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    private = create_chat(alice, kind="private", members=[bob])
    closed = create_chat(bob, kind="group", name="Closed", members=[alice])
    chats = (group, private, closed)
    bobs = [send_message(bob, chat=chat.id, content="Said by Bob").message for chat in chats]
    hers = send_message(alice, chat=group.id, content="Said by Alice").message
    delete_chat(bob, closed)
    published.clear()
    erase(bob, by=bob, messages=True)
    for message in Message.objects.filter(id__in=[one.id for one in bobs]):
        assert (message.content, message.status) == (None, "deleted")
        assert message.deleted_at is not None
    assert Message.objects.get(id=hers.id).content == "Said by Alice"
    told = [one.message.id for one in published if isinstance(one, MessageDeleted)]
    # Of a chat that is gone nobody hears any more.
    assert sorted(told) == sorted(one.id for one in bobs[:2])


def test_what_takes_long_goes_on_by_itself(
    bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "AT_ONCE", 4)
    monkeypatch.setattr(erasure, "TOGETHER", 2)
    for number in range(7):
        send_message(bob, chat=group.id, content=f"Said {number}")
    left = Message.objects.filter(author=bob, deleted_at=None)
    erase(bob, by=bob, messages=True)
    # Nobody is there any more, but not everything is gone.
    assert (fresh(bob).is_active, fresh(bob).erased_at) == (False, None)
    assert left.count() == 3 and unfinished().get() == bob
    assert go_on_erasing(most=2) == 0
    assert go_on_erasing(most=2) == 1
    assert not left.exists() and not unfinished().exists()
    assert fresh(bob).erased_at is not None
    assert go_on_erasing(most=2) == 0


def test_what_was_interrupted_goes_on(
    bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_message(bob, chat=group.id, content="Said by Bob")

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "delete_messages", fails)
        with pytest.raises(RuntimeError):
            erase(bob, by=bob, messages=True)
    assert not fresh(bob).is_active and Message.objects.get().content == "Said by Bob"
    call_command("prune")
    assert Message.objects.get().content is None and fresh(bob).erased_at is not None


def test_a_chat_that_is_held_up_keeps_nobody_from_leaving(
    bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*args: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "leave_chat", held)
        erase(bob, by=bob)
    assert (fresh(bob).is_active, unfinished().get()) == (False, bob)
    assert go_on_erasing() == 1 and not Membership.objects.filter(user=bob).exists()


def test_messages_may_go_too_while_it_is_not_done(
    bob: User, group: Chat, adam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_message(bob, chat=group.id, content="Said by Bob")
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "go_on", lambda user, most: False)
        erase(bob, by=bob)
        erase(fresh(bob), by=adam, reason="Asked us to", messages=True)
        # Nor is that taken back.
        erase(fresh(bob), by=adam, reason="Asked us to")
    erase(fresh(bob), by=adam, reason="Asked us to")
    assert Message.objects.get().content is None and fresh(bob).erased_at is not None
    entries = AuditEntry.objects.filter(action="user.erased").order_by("number")
    assert [entry.facts["messages"] for entry in entries] == [False, True]


def test_who_is_erased_is_not_erased_again(bob: User, adam: User) -> None:
    erase(bob, by=bob)
    before = User.objects.values().get(id=bob.id)
    with pytest.raises(Conflict):
        erase(bob, by=adam, reason="Asked us to", messages=True)
    assert User.objects.values().get(id=bob.id) == before
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("done", [True, False])
def test_nor_banned_or_muted(
    done: bool, bob: User, sara: User, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not done:
        monkeypatch.setattr(erasure, "go_on", lambda user, most: False)
    erase(bob, by=bob)
    claim(sara, case)
    until = timezone.now() + timedelta(days=1)
    for action in ("ban", "mute", "mute_here"):
        with pytest.raises(Conflict):
            decide(sara, case, action=action, reason="Spam", until=until)
    with pytest.raises(Conflict):
        ban_person(sara, bob, reason="Spam again")
    assert fresh(bob).banned_at is None and not Decision.objects.exists()
    decide(sara, case, action="dismiss", reason="Gone")


def test_an_erased_account_gets_no_password(bob: User) -> None:
    erase(bob, by=bob)
    with pytest.raises(Conflict):
        change_password(bob, "another-horse-8")
    assert not fresh(bob).has_usable_password()


# --- moderation ------------------------------------------------------------------------------


def test_reports_stay_without_their_comments_and_notices_go(
    alice: User, bob: User, message: Message
) -> None:
    report_message(alice, message=message.id, reason="abuse", comment="My name is Alice")
    erase(alice, by=alice)
    assert (Report.objects.get().reporter, Report.objects.get().comment) == (alice, "")
    assert not Notice.objects.filter(person=alice).exists()


def test_messages_that_wait_go_with_their_cases(alice: User, bob: User, group: Chat) -> None:
    waiting = WaitingMessage.objects.create(author=bob, chat=group, type="text", content="Held")
    Case.objects.create(kind="waiting", person=bob, chat=group, waiting=waiting)
    erase(bob, by=bob)
    assert not WaitingMessage.objects.exists() and not Case.objects.exists()


def test_of_those_that_were_decided_the_text_goes(bob: User, group: Chat, mia: User) -> None:
    waiting = WaitingMessage.objects.create(
        author=bob, chat=group, type="text", content="Held", key="k", state="waiting"
    )
    case = Case.objects.create(kind="waiting", person=bob, chat=group, waiting=waiting)
    claim(mia, case)
    decide(mia, case, action="remove", reason="Rude")
    erase(bob, by=bob)
    waiting.refresh_from_db()
    assert (waiting.content, waiting.key, waiting.state) == (None, None, "refused")
    assert Case.objects.get().decisions.count() == 1


def test_what_was_frozen_of_an_open_case_stays(
    alice: User, bob: User, message: Message, mia: User
) -> None:
    case = report_message(alice, message=message.id, reason="abuse").case
    erase(bob, by=bob, messages=True)
    assert "stupid" in str(Evidence.objects.get().content)
    claim(mia, case)
    [decision] = decide(mia, case, action="warn", reason="Be kind")
    assert decision.person_id == bob.id


# --- who may ---------------------------------------------------------------------------------


def test_an_administrator_erases_with_a_reason_and_it_is_written_down(
    bob: User, adam: User, sara: User
) -> None:
    with pytest.raises(Invalid):
        erase(bob, by=adam, reason="  no  ")
    with pytest.raises(Forbidden):
        erase(bob, by=sara, reason="Asked us to")
    assert fresh(bob).is_active
    erase(bob, by=adam, reason="Asked us to")
    entry = AuditEntry.objects.get(action="user.erased")
    assert (entry.actor_id, entry.target, entry.reason) == (
        adam.id,
        f"user {bob.id}",
        "Asked us to",
    )
    assert entry.facts == {"messages": False}


def test_ones_own_end_is_written_down_too(bob: User) -> None:
    erase(bob, by=bob, messages=True)
    entry = AuditEntry.objects.get(action="user.erased")
    assert (entry.actor_id, entry.facts) == (bob.id, {"messages": True})


def test_nobody_erases_superusers_staff_of_their_rank_or_the_service(
    adam: User, root_user: User
) -> None:
    other = make_user("other", is_staff=True)
    other.groups.set(adam.groups.all())
    for person, by in ((root_user, root_user), (root_user, adam), (other, adam)):
        with pytest.raises(Forbidden):
            erase(person, by=by, reason="Asked us to")
    with pytest.raises(Conflict):
        erase(service_account(), by=root_user, reason="Asked us to")
    assert not User.objects.filter(is_active=False).exists()


# --- evidence expires ------------------------------------------------------------------------


def closed(case: Case, *, days: int) -> None:
    at = timezone.now() - timedelta(days=days)
    Case.objects.filter(id=case.id).update(state=Case.State.CLOSED, closed_at=at)


def test_evidence_is_forgotten_half_a_year_after_its_case_was_closed(
    alice: User, bob: User, group: Chat
) -> None:
    said = [send_message(bob, chat=group.id, content=f"Said {n}").message for n in range(3)]
    cases = [report_message(alice, message=one.id, reason="spam").case for one in said]
    closed(cases[0], days=181)
    closed(cases[1], days=179)
    call_command("prune", "--dry-run")
    assert not Evidence.objects.filter(content={}).exists()
    call_command("prune")
    assert [one.content == {} for one in Evidence.objects.order_by("id")] == [True, False, False]
    assert Report.objects.count() == 3


def test_evidence_is_kept_while_an_appeal_is_undecided(
    bob: User, mia: User, sara: User, mine: Case, message: Message
) -> None:
    [decision] = decide(mia, mine, action="remove", reason="Rude")
    made = appeal(bob, decision.id, text="It was a joke")
    closed(mine, days=181)
    call_command("prune")
    decide_appeal(sara, made, grant=True, reason="It was")
    message.refresh_from_db()
    assert message.content == "You are all stupid"
    call_command("prune")
    assert not Evidence.objects.exclude(content={}).exists()


def test_it_may_be_kept_for_longer(alice: User, message: Message, settings: Any) -> None:
    settings.EVIDENCE_DAYS = 365
    closed(report_message(alice, message=message.id, reason="spam").case, days=181)
    call_command("prune")
    assert Evidence.objects.get().content != {}


def test_so_is_the_text_of_what_was_refused(bob: User, group: Chat) -> None:
    waiting = WaitingMessage.objects.create(
        author=bob, chat=group, type="text", content="Held", state="refused"
    )
    closed(Case.objects.create(kind="waiting", person=bob, waiting=waiting), days=181)
    call_command("prune")
    waiting.refresh_from_db()
    assert waiting.content is None


def test_traces_that_come_after_the_end_are_swept_up(bob: User) -> None:
    erase(bob, by=bob)
    # Their last socket closes.
    LastSeen.objects.create(user=bob, at=timezone.now())
    call_command("prune")
    assert not LastSeen.objects.exists()
