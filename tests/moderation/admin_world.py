"""A community as moderators see it in the admin, and a browser for each of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.models import Message
from messaging.services import send_message
from moderation.models import Appeal, AuditEntry, Case, Decision, Opening, Rule
from moderation.powers import ADMINISTRATOR, MODERATOR, SENIOR
from moderation.rules import save_rule
from moderation.services import appeal, claim, decide, report_message
from tests.people import make_user

CASES, PEOPLE = "/admin/moderation/case/", "/admin/accounts/user/"
CHATS, MESSAGES = "/admin/chats/chat/", "/admin/messaging/message/"
RULES = "/admin/moderation/rule/"
# Nobody; a person without powers; a moderator, a senior one, an administrator, a superuser.
COLUMNS = ("anonymous", "alice", "mia", "sara", "adam", "root")

STORED = (User, Group, Chat, Message, Case, Decision, Appeal, Opening, Rule)


@dataclass(frozen=True)
class World:
    """
    Bob wrote something in Alice's group, and she reported it. Dora was warned by Max for what she
    wrote there, and has appealed.
    """

    people: dict[str, User]
    group: Chat
    message: Message
    case: Case
    decided: Case
    decision: Decision
    appeal: Appeal
    rule: Rule

    def browser(self, name: str) -> Client:
        """In which this person is signed in to the admin."""
        return entered(self.people[name]) if name in self.people else Client()

    def ids(self) -> dict[str, Any]:
        """What addresses name."""
        things = {
            **self.people,
            "chat": self.group,
            "message": self.message,
            "case": self.case,
            "decided": self.decided,
            "decision": self.decision,
            "appeal": self.appeal,
            "rule": self.rule,
            "group": Group.objects.get(name=MODERATOR),
            "opening": Opening.objects.get(),
            "entry": AuditEntry.objects.order_by("number")[0],
        }
        return {name: thing.pk for name, thing in things.items()}


def entered(user: User) -> Client:
    client = Client()
    client.force_login(user, "accounts.backends.LoginBackend")
    return client


def powerful(name: str, group: str) -> User:
    user = make_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def make_world() -> World:
    people = {name: make_user(name) for name in ("alice", "bob", "dora")}
    people |= {name: powerful(name, MODERATOR) for name in ("mia", "max")}
    people |= {name: powerful(name, SENIOR) for name in ("sara", "sam")}
    people |= {"adam": powerful("adam", ADMINISTRATOR)}
    people |= {"root": make_user("root", is_staff=True, is_superuser=True)}
    alice, bob, dora, maximum = (people[name] for name in ("alice", "bob", "dora", "max"))
    group = create_chat(alice, kind="group", name="Garden", members=[bob, dora])
    insult, threat = (
        send_message(author, chat=group.id, content=text).message.id
        for author, text in ((bob, "an insult"), (dora, "a threat"))
    )
    case, decided = (
        report_message(alice, message=message, reason="abuse", comment="Look").case
        for message in (insult, threat)
    )
    claim(maximum, decided)
    (decision,) = decide(maximum, decided, action="warn", reason="This was a threat.")
    now = timezone.now()
    # That of an hour ago is over.
    Opening.objects.create(
        moderator=people["sam"],
        chat=group,
        reason="Somebody asked",
        opened_at=now - timedelta(hours=2),
        expires_at=now - timedelta(hours=1),
    )
    return World(
        people=people,
        group=group,
        message=Message.objects.get(id=insult),
        case=case,
        decided=decided,
        decision=decision,
        appeal=appeal(dora, decision.id, text="It was a joke"),
        rule=save_rule(people["root"], name="Spam", kind="words", patterns="casino*", mode="flag"),
    )


def assigned(case: Case, user: User) -> Case:
    """The case, as this person's, without anybody's leave."""
    Case.objects.filter(pk=case.pk).update(assignee=user, claimed_at=timezone.now())
    case.refresh_from_db()
    return case


def said(response: Any) -> list[str]:
    """What the page tells whoever acted."""
    return [str(message) for message in response.context["messages"]]


def stored() -> list[Any]:
    """All that is of interest, as it is now."""
    rows = [list(model._default_manager.order_by("pk").values()) for model in STORED]
    return [rows, AuditEntry.objects.count()]
