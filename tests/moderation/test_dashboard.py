"""The dashboard: how it stands, for who may see it, in a few queries."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import start_login
from chats.models import Chat
from messaging.models import Message
from messaging.services import send_message
from moderation.models import Case
from moderation.services import appeal, claim, decide, report_message
from presence import store as stores
from presence.leases import Lease
from tests.moderation.admin_world import entered
from tests.people import make_user

pytestmark = pytest.mark.once

PAGE = "/admin/moderation/dashboard/"


def page(client: Client, query: str = "", language: str = "en") -> str:
    answer = client.get(PAGE + query, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return str(answer.content.decode())


def figures(html: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))


def rows(html: str) -> list[list[int]]:
    """Messages, sign-ups, reports and cases closed of each day."""
    found = re.findall(r"<tr><th scope=\"row\">[^<]*</th>((?:<td>\d+</td>)+)</tr>\n", html)
    return [[int(number) for number in re.findall(r"\d+", row)] for row in found]


def test_it_says_how_it_stands(
    mia: User, max: User, alice: User, bob: User, group: Chat, case: Case
) -> None:
    two = send_message(bob, chat=group.id, content="x").message
    decided = report_message(alice, message=two.id, reason="spam").case
    claim(max, decided)
    (decision,) = decide(max, decided, action="warn", reason="Advertising")
    appeal(bob, decision.pk, text="It was not")
    Case.objects.filter(pk=case.pk).update(opened_at=timezone.now() - timedelta(hours=5))
    html = page(entered(mia))
    assert figures(html) == {
        "Open cases": "1",
        "Nobody&#x27;s": "1",
        "Age of the oldest": "5.0 h",
        "Median age": "5.0 h",
        "Open appeals": "1",
        "People here now": "0",
        "Open sockets of this process": "0",
    }
    days = rows(html)
    assert len(days) == 30 and not any(map(any, days[:-1]))
    # What the service tells people is among the messages.
    messages, people = Message.objects.count(), User.objects.filter(is_service=False).count()
    assert days[-1] == [messages, people, 2, 1]
    assert re.search(r"<bdi>Max</bdi></a></th><td>1</td><td>0</td><td>0</td><td>1</td>", html)
    assert "You are all stupid" not in html


def test_people_are_counted_who_are_here_on_any_process(mia: User, alice: User, bob: User) -> None:
    for person in (alice, bob):
        start_login(person)
    stores.store.take([Lease(alice.pk, "a"), Lease(alice.pk, "b"), Lease(bob.pk, "c", True)], 30)
    assert figures(page(entered(mia)))["People here now"] == "2"


def test_nothing_at_all_is_a_page_too(mia: User) -> None:
    html = page(entered(mia))
    assert figures(html)["Age of the oldest"] == "–" and "None in this time." in html


def test_the_period_is_picked_by_links(mia: User) -> None:
    client = entered(mia)
    for query, chosen in (
        ("", 30),
        ("?days=7", 7),
        ("?days=30", 30),
        ("?days=8", 30),
        ("?days=x", 30),
    ):
        html = page(client, query)
        assert re.findall(r'href="\?days=(\d+)" aria-current="page"', html) == [f"{chosen}"]
        assert len(rows(html)) == chosen
        assert len(re.findall(r"<svg view", html)) == 4


def test_who_may_not_see_it_does_not_find_it_either(mia: User, alice: User) -> None:
    looker = make_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert entered(looker).get(PAGE).status_code == 403
    assert entered(alice).get(PAGE)["Location"].startswith("/admin/login/")
    assert Client().get(PAGE)["Location"].startswith("/admin/login/")
    for person, there in ((mia, True), (looker, False)):
        assert (f'href="{PAGE}"' in entered(person).get("/admin/").content.decode()) == there


def test_there_is_nothing_to_run_in_it(mia: User) -> None:
    html = page(entered(mia))
    inside = html[html.index('id="content-main"') : html.index("<footer")]
    assert "<script" not in inside and "style=" not in html and " onclick" not in html


def test_it_takes_as_many_queries_with_much_as_with_nothing(
    mia: User, group: Chat, django_assert_max_num_queries: Any
) -> None:
    client = entered(mia)
    page(client)
    # The session, who it is and what they may; the eleven, and what a snapshot of them takes.
    most = 18 if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") else 20
    with django_assert_max_num_queries(most):
        page(client)


@pytest.mark.parametrize("query", ["?days=7", ""])
def test_days_are_the_days_of_utc(mia: User, bob: User, group: Chat, query: str) -> None:
    sent = send_message(bob, chat=group.id, content="x").message
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    group.messages.filter(pk=sent.id).update(created_at=midnight - timedelta(microseconds=1))
    html = page(entered(mia), query)
    assert [day[0] for day in rows(html)[-2:]] == [1, 0]
