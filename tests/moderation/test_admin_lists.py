"""Lists of the admin ask the database as little of a hundred thousand rows as of ten."""

import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chats.models import Chat, Membership
from messaging.models import Message
from moderation.models import Appeal, Case, Decision, Evidence, Opening, Report, Rule
from tests.moderation.admin_world import CASES, CHATS, MESSAGES, PEOPLE, RULES, entered

LISTS = [
    *(CASES, f"{CASES}?state=all&q=person1", f"{CASES}?whose=nobodys&reason=spam", f"{CASES}?o=7"),
    *(PEOPLE, f"{PEOPLE}?q=person1", CHATS, f"{CHATS}?q=Chat", MESSAGES, f"{MESSAGES}?q=person1"),
    *(RULES, "/admin/moderation/appeal/?outcome=all", "/admin/moderation/opening/"),
    *("/admin/moderation/auditentry/", "/admin/moderation/auditentry/?q=case+1"),
    *("/admin/moderation/dashboard/", "/admin/"),
]
# As many of each thing as there is in a place of ten people, and of ten thousand.
FEW = {"people": 10, "chats": 3, "messages": 10, "cases": 10}
MANY = {"people": 10_000, "chats": 500, "messages": 100_000, "cases": 1000}

MESSAGES_SQL = """
    INSERT INTO messaging_message
        (uuid, chat_id, author_id, position, seq, type, content, created_at)
    SELECT gen_random_uuid(), (%s::bigint[])[1 + n %% %s], (%s::bigint[])[1 + n %% %s],
        n, n, 'text', 'Text ' || n, %s
    FROM generate_series(1, %s) AS n
"""


def fill(root: User, *, people: int, chats: int, messages: int, cases: int) -> None:
    """Rows straight into the tables. All chats are opened to `root`."""
    now = timezone.now()

    writers = [
        person.pk
        for person in User.objects.bulk_create(
            User(
                email=f"person{n}@example.org",
                email_key=f"person{n}@example.org",
                username=f"person{n}",
                username_key=f"person{n}",
                name=f"Person {n}",
            )
            for n in range(people)
        )
    ]
    made = [
        chat.pk
        for chat in Chat.objects.bulk_create(
            Chat(kind="group", name=f"Chat {n}") for n in range(chats)
        )
    ]
    Membership.objects.bulk_create(
        Membership(chat_id=made[n % chats], user_id=writer) for n, writer in enumerate(writers)
    )
    with transaction.atomic(), connection.cursor() as cursor:
        # Nobody need look, for each row, whether what it points to is there.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(MESSAGES_SQL, [made, chats, writers, people, now, messages])
    sent = list(Message.objects.order_by("id").values_list("id", flat=True)[:cases])
    found = Case.objects.bulk_create(
        Case(
            kind="message",
            person_id=writers[n % people],
            message_id=sent[n],
            chat_id=made[n % chats],
            assignee=root if n % 3 == 0 else None,
            state="open" if n % 2 else "closed",
            opened_at=now - timedelta(minutes=n),
            reports_count=2,
        )
        for n in range(cases)
    )
    evidence = Evidence.objects.bulk_create(
        Evidence(case=case, content={}, digest=f"{case.pk}") for case in found
    )
    Report.objects.bulk_create(
        Report(case=one.case, evidence=one, reporter_id=writers[n], reason=("spam", "abuse")[n % 2])
        for one in evidence
        for n in (1, 2)
    )
    decisions = Decision.objects.bulk_create(
        Decision(
            case=case, action="warn", person_id=case.person_id, moderator=root, reason="Because"
        )
        for case in found
    )
    Appeal.objects.bulk_create(Appeal(decision=one, text="No") for one in decisions)
    Opening.objects.bulk_create(
        Opening(moderator=root, chat_id=chat, reason="Because", expires_at=now + timedelta(hours=1))
        for chat in made
    )
    Rule.objects.bulk_create(
        Rule(name=f"Rule {n}", kind="words", patterns="spam") for n in range(min(cases, 100))
    )


def asked(client: Client, path: str) -> tuple[int, float]:
    """How many queries a page takes, and milliseconds."""
    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200, path
    return len(queries), (time.perf_counter() - began) * 1000


@pytest.mark.skipif(connection.vendor == "sqlite", reason="many rows: where there will be many")
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(root_user: User) -> None:
    client = entered(root_user)
    # What is read once and kept.
    client.get(CASES)
    fill(root_user, **FEW)
    few = {path: asked(client, path)[0] for path in LISTS}
    for model in (Appeal, Decision, Report, Case, Opening, Rule, Message, Membership, Chat):
        model.objects.all().delete()
    User.objects.exclude(pk=root_user.pk).delete()
    fill(root_user, **MANY)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    many = {path: asked(client, path) for path in LISTS}
    for path, (queries, milliseconds) in many.items():
        print(f"{path}: {queries} queries, {milliseconds:.0f} ms")
    assert {path: queries for path, (queries, _) in many.items()} == few
    assert max(few.values()) <= 20
