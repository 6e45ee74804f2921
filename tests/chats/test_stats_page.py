"""The statistics of a chat in the admin: for who may look, in a few queries, without scripts."""

import re
from contextlib import closing
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone, translation

from accounts.models import User
from chats.models import Chat
from chats.services import delete_chat
from messaging.emoji import LIKE
from messaging.models import Message
from messaging.services import add_reaction, read_message, send_message
from messenger.plots import duration
from tests.people import make_user

HOSTILE = "<script>alert('x')</script> & \"{{ 1 }}\" %s"


@pytest.fixture
def admin(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def lively(alice: User, bob: User, group: Chat) -> Chat:
    """Seven messages of four days; two are read, three are liked."""
    ids = [send_message(alice, chat=group.id, content="Secret words").message.id for _ in range(7)]
    for number, id in enumerate(ids):
        sent = timezone.now() - timedelta(days=number % 4)
        Message.objects.filter(id=id).update(created_at=sent)
    for id in ids[:2]:
        read_message(bob, message=id)
    for id in ids[:3]:
        add_reaction(bob, message=id, emoji=LIKE)
    return group


def address(chat: Chat, query: str = "") -> str:
    return f"/admin/chats/chat/{chat.id}/stats/{query}"


def page(admin: Client, chat: Chat, query: str = "", language: str = "en") -> str:
    response = admin.get(address(chat, query), headers={"Accept-Language": language})
    assert response.status_code == 200
    return str(response.content.decode())


def looker(*permissions: str) -> User:
    person = make_user("looker", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return person


class Tags(HTMLParser):
    """Every tag with its attributes, in the order of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def plots(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg view.*?</svg>", page, re.S)]


def test_the_page_is_found_from_the_chat_and_shows_its_numbers(
    admin: Client, lively: Chat, alice: User
) -> None:
    assert (
        f'href="{address(lively)}"'
        in admin.get(f"/admin/chats/chat/{lively.id}/change/").content.decode()
    )
    shown = page(admin, lively)
    figures = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", shown)
    assert [value for _, value in figures[:3]] == ["7", "1", "28.6 %"]
    assert figures[4] == ("Reactions", "3")
    assert re.search(r"<details>\s*<summary>The numbers</summary>.*<caption>Messages", shown, re.S)
    # The messages by their links and not their words, and who wrote.
    liked = Message.objects.order_by("id")[:3]
    for message in liked:
        assert f'href="/admin/messaging/message/{message.id}/change/"' in shown
    assert f'<a href="/admin/accounts/user/{alice.id}/change/">Alice</a></th><td>7</td>' in shown
    assert "Secret words" not in shown
    rows = re.findall(r"<td>(\d+)</td><td>(\d+)</td><td>(\d+)</td></tr>", shown)
    assert len(rows) == 30
    assert [sum(int(row[n]) for row in rows) for n in range(3)] == [7, 2, 3]


def test_it_is_told_in_russian_too(admin: Client, lively: Chat) -> None:
    shown = page(admin, lively, language="ru")
    assert "Статистика" in shown and "Messages" not in shown and "28,6 %" in shown


def test_plots_have_a_bar_for_each_number_and_words_instead(admin: Client, lively: Chat) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    for language in ("en", "ru"):
        found = plots(page(admin, lively, language=language))
        assert len(found) == 3
        for plot, bars in zip(found, (4, None, 1), strict=True):
            tag = plot.tag.removesuffix("svg")
            assert tag in ("", svg)
            names = str(plot.get("aria-labelledby")).split()
            texts = {child.get("id"): child.text for child in plot if child.get("id")}
            assert plot.get("role") == "img" and list(texts) == names and all(texts.values())
            rects = plot.findall(f"{tag}rect")
            assert bars is None or len(rects) == bars
            width = int(str(plot.get("viewBox")).split()[2])
            for rect in rects:
                x, y, height = (int(str(rect.get(name))) for name in ("x", "y", "height"))
                assert 0 <= x <= width - 8 and y >= 0 and y + height == 100
            assert max(int(str(rect.get("height"))) for rect in rects) == 100


def test_an_empty_chat_has_a_page_too(admin: Client, group: Chat) -> None:
    for query in ("", "?period=all", "?period=day", "?period=year"):
        shown = page(admin, group, query)
        assert len(plots(shown)) == 3 and "<rect" not in shown
        assert "None in this time." in shown


def test_the_period_is_picked_by_links(admin: Client, lively: Chat) -> None:
    for query, chosen, points in (
        ("", "month", 30),
        ("?period=day", "day", 24),
        ("?period=week", "week", 7),
        ("?period=year", "year", 53),
        ("?period=nonsense", "month", 30),
        ("?period=", "month", 30),
        ("?period=%00&period=%ff", "month", 30),
    ):
        shown = page(admin, lively, query)
        assert re.findall(r'href="\?period=(\w+)" aria-current="page"', shown) == [chosen], query
        assert set(re.findall(r'href="\?period=(\w+)"', shown)) == {
            *("day", "week", "month", "year", "all")
        }
        assert len(re.findall(r"</td></tr>\n", shown)) >= points


def test_there_is_nothing_to_run_and_no_style_but_from_our_own_files(
    admin: Client, lively: Chat
) -> None:
    shown = page(admin, lively)
    assert "javascript:" not in shown and "<style" not in shown
    for tag, attributes in Tags(shown).found:
        assert "style" not in attributes and not [n for n in attributes if n.startswith("on")]
        assert tag != "script" or attributes.get("src")
        for name in ("src", "href"):
            assert re.match(r"[/#?](?!/)", attributes.get(name) or "/"), attributes
    assert not re.search(r"<script[^>]*>[^<]", shown)
    # Those of the admin itself, and none in what is ours.
    assert "<script" not in shown[shown.index('id="content-main"') : shown.index("<footer")]
    assert re.search(r'<link rel="stylesheet" href="/static/chat-stats.css">', shown)
    with closing(admin.get("/static/chat-stats.css")) as file:
        assert file.status_code == 200


def test_who_may_look_at_chats_may_look_at_this(client: Client, lively: Chat, alice: User) -> None:
    client.force_login(looker("view_chat"))
    shown = page(client, lively)
    # Who may not look at messages and people finds no way to them.
    assert "/admin/messaging/" not in shown and f"/admin/accounts/user/{alice.id}" not in shown
    assert "Alice" in shown


def test_nobody_else_may(client: Client, alice: User, lively: Chat) -> None:
    answer = client.get(address(lively))
    assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
    client.force_login(alice)
    assert client.get(address(lively)).status_code == 302
    client.force_login(looker("view_message", "view_user"))
    assert client.get(address(lively)).status_code == 403
    # Nor learn from it which chats there are.
    assert client.get("/admin/chats/chat/987654/stats/").status_code == 403


def test_a_chat_that_is_not_there_is_not_found(admin: Client, group: Chat) -> None:
    for id in ("987654", "9" * 40, "x", "-1", "1.0"):
        status = admin.get(f"/admin/chats/chat/{id}/stats/").status_code
        assert status in (302, 404), id


def test_a_deleted_chat_is_still_a_moderators_to_look_at(
    admin: Client, alice: User, lively: Chat
) -> None:
    delete_chat(alice, lively)
    assert "<rect" in page(admin, lively)


def test_hostile_names_are_only_text(admin: Client, alice: User, group: Chat) -> None:
    User.objects.filter(id=alice.id).update(name=HOSTILE[:100])
    Chat.objects.update(name=HOSTILE[:100])
    send_message(alice, chat=group.id, content=HOSTILE)
    shown = page(admin, group)
    assert "<script>alert" not in shown and "&lt;script&gt;alert(&#x27;x&#x27;)" in shown


def test_it_is_as_many_queries_for_a_lively_chat_as_for_any(
    admin: Client, alice: User, lively: Chat, django_assert_max_num_queries: Any
) -> None:
    people = [make_user(f"writer{n}") for n in range(12)]
    for number, message in enumerate(Message.objects.order_by("id")):
        Message.objects.filter(id=message.id).update(author=people[number])
    # The session, who it is, what they may, the chat; the eight; and a snapshot of them.
    with django_assert_max_num_queries(16):
        page(admin, lively, "?period=all")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"), (0.34, "0.3 s"), (41.44, "41.4 s"), (90, "1.5 min"), (3599, "60.0 min"),
        (9000, "2.5 h"), (86_400, "1.0 days"), (250_000, "2.9 days"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    with translation.override("en"):
        assert duration(seconds) == words
