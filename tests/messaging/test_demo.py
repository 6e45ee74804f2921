"""`manage.py seed_demo`: something to look at, and never twice."""

from io import StringIO

from django.apps import apps
from django.core.management import call_command

from accounts.models import User
from accounts.services import authenticate
from chats.models import Chat, LogEntry
from chats.services import delete_chat
from messaging.models import Message, Reaction, Receipt
from messaging.services import delete_message
from messaging.unread import unread_counts
from moderation.models import Case, Rule


def rows() -> dict[str, int]:
    """How many rows each table has."""
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


def seed(*options: str) -> str:
    out = StringIO()
    call_command("seed_demo", *options, stdout=out)
    return out.getvalue()


def test_the_demo_has_something_of_everything() -> None:
    said = seed()
    assert "anna" in said and "demo-messenger-1" in said
    for kind in ("group", "private"):
        assert Chat.objects.filter(kind=kind).count() >= 2
    assert Message.objects.count() > 10 and Receipt.objects.exists() and Reaction.objects.exists()
    assert LogEntry.objects.filter(kind="message_read").exists()
    anna = authenticate("anna@demo.example", "demo-messenger-1")
    assert sum(unread_counts(anna).values()) > 0


def test_the_demo_again_changes_nothing_and_undoes_nothing() -> None:
    seed()
    first = Message.objects.order_by("id").select_related("chat")[0]
    delete_message(None, message=first)
    before = rows(), sorted(Chat.objects.values_list("id", "last_seq", "last_position"))
    seed()
    assert (rows(), sorted(Chat.objects.values_list("id", "last_seq", "last_position"))) == before
    first.refresh_from_db()
    assert first.content is None


def test_the_demo_comes_again_when_its_chats_are_deleted() -> None:
    seed()
    for chat in Chat.objects.all():
        delete_chat(None, chat)
    seed()
    assert Chat.objects.filter(deleted_at=None).count() == Chat.objects.count() / 2


def test_the_demo_makes_an_administrator_only_when_asked() -> None:
    seed()
    assert not User.objects.filter(is_superuser=True).exists()
    seed("--admin")
    assert list(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == [
        "anna"
    ]


def test_the_admin_of_the_demo_has_cases_to_look_at_and_a_rule_to_try() -> None:
    seed("--admin")
    cases = Case.objects.order_by("id")
    assert [case.reports_count for case in cases] == [2, 1]
    assert Rule.objects.filter(is_on=False).count() == 1
    vera = User.objects.get(username="vera")
    assert vera.is_staff and [group.name for group in vera.groups.all()] == ["Moderator"]
    before = rows()
    seed("--admin")
    assert rows() == before
