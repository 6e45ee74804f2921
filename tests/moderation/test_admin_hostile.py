"""Whatever people write and moderators look for is only text in the admin, and never a crash."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.admin import site
from django.test import Client

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.models import Message
from moderation import evidence
from moderation.admin.lists import PlainList
from moderation.models import Appeal, Case, Decision, Opening, Report, Rule
from moderation.services import open_chat
from tests.hostile.inputs import FORM, STRANGE_QUERIES, TEXTS
from tests.moderation.admin_world import CASES, CHATS, MESSAGES, PEOPLE, RULES, entered
from tests.people import make_user

LISTS = (
    *(CASES, PEOPLE, CHATS, MESSAGES, RULES, "/admin/moderation/appeal/"),
    *("/admin/moderation/opening/", "/admin/moderation/auditentry/"),
)

LOOKED_FOR = (
    *("SQL", "what LIKE means", "a regular expression", "letters that grow", "right to left"),
    *("a script", "control characters", "not a character", "4,097 letters", "an attribute"),
)

# Each of these has pages of its own; of all the others lists are enough.
MARKED = {
    name: TEXTS[name]
    for name in (
        *("empty", "nothing to see", "right to left", "line separators", "not a character"),
        *("marks without end", "50,000 letters", "a script", "an image", "the end of a script"),
        *("a tag", "an open comment", "an attribute", "an entity", "a template", "a format of C"),
        *("another template", "a terminal", "control characters", "a link that runs"),
    )
}


class Harmful(HTMLParser):
    """What in a page would run, or load something that is not ours."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            ours = re.match(r"(/|#|\?|$|\.\./)(?!/)", value or "")
            if name.startswith("on") or name == "style" or (name in ("src", "href") and not ours):
                self.found.append(f"<{tag} {name}={value}>")
        if tag in ("iframe", "object", "embed", "base", "marquee", "style"):
            self.found.append(f"<{tag}>")
        if tag == "script" and not dict(attrs).get("src"):
            self.found.append("<script>")


def judge(client: Client, path: str) -> str:
    return judged(client.get(path), path)


def judged(answer: Any, path: str) -> str:
    assert answer.status_code == 200, (path, answer.status_code)
    page = str(answer.content.decode())
    assert Harmful(page).found == [], path
    return page


@pytest.fixture
def root(root_user: User) -> Client:
    return entered(root_user)


def write(root: User, number: int, text: str) -> Case:
    """Everything that anybody can write, to be this text as far as it goes."""
    person = make_user(f"writer{number}")
    User.objects.filter(pk=person.pk).update(username=text[:64], name=text[:100])
    person.refresh_from_db()
    chat = create_chat(person, kind="group", name="-")
    Chat.objects.filter(pk=chat.pk).update(name=text[:100], description=text[:1000])
    chat.refresh_from_db()
    message = Message.objects.create(
        chat=chat, author=person, position=1, seq=2, content=text[:4096], payload={text: text}
    )
    rule = Rule.objects.create(name=text[:100], kind="words", patterns=text[:5000] or "-")
    case = Case.objects.create(
        kind="message", person=person, message=message, chat=chat, assignee=root, reports_count=2
    )
    frozen = evidence.keep(case, evidence.of_message(message))
    for reporter, of in ((person, None), (None, rule)):
        Report.objects.create(
            case=case,
            reporter=reporter,
            rule=of,
            reason="rule" if of else "spam",
            comment=text[:1000],
            evidence=frozen,
        )
    decision = Decision.objects.create(
        case=case, action="warn", person=person, moderator=root, chat=chat, reason=text[:1000]
    )
    Appeal.objects.create(decision=decision, text=text[:1000])
    return case


@pytest.mark.once
def test_whatever_was_written_is_only_text_on_every_page(root: Client, root_user: User) -> None:
    for number, (name, text) in enumerate(TEXTS.items()):
        case = write(root_user, number, text)
        assert case.chat is not None
        if name not in MARKED:
            continue
        rule = Rule.objects.latest("pk")
        open_chat(root_user, chat=case.chat, reason=text[:1000].ljust(9, "."))
        pages = [
            judge(root, path)
            for path in (
                f"{CASES}{case.pk}/change/",
                f"{PEOPLE}{case.person_id}/change/",
                f"{CHATS}{case.chat_id}/change/",
                f"{MESSAGES}{case.message_id}/change/",
                f"{RULES}{rule.pk}/change/",
                f"/admin/moderation/opening/{Opening.objects.latest('pk').pk}/change/",
            )
        ]
        path = f"{RULES}{rule.pk}/try/"
        pages.append(judged(root.post(path), path))
        if name == "a template":
            assert all("{{7*7}}" in page for page in pages[:4])
        if name == "a script":
            assert all("&lt;script&gt;alert(1)&lt;/script&gt;" in page for page in pages[:4])
    for path in (*LISTS, "/admin/moderation/dashboard/", "/admin/"):
        judge(root, f"{path}?all=")


def test_whatever_is_looked_for_there_is_an_answer(root: Client, root_user: User) -> None:
    write(root_user, 0, "x")
    words = [
        *(TEXTS[name] for name in LOOKED_FOR),
        "\x00",
        "a\x00b",
        "9" * 40,
        "-1",
        "case 1",
        '"case 1',
        "'",
    ]
    for path in LISTS:
        for text in words:
            answer = root.get(path, {"q": text[:3000]})
            assert answer.status_code in (200, 302), (path, text[:50])
            assert Harmful(answer.content.decode()).found == [], (path, text[:50])


@pytest.mark.once
def test_whatever_is_asked_of_a_list_is_no_crash(root: Client) -> None:
    queries = [
        *(
            "o=x",
            "o=9",
            "p=x",
            "p=" + "9" * 30,
            "state=x",
            "whose=%00",
            "reason=x",
            "kind__exact=x",
        ),
        *("chat__id__exact=x", "chat__id__exact=" + "9" * 40, "days=x", "days=-1", "e=1", "all=x"),
        *("_facets=True", "_popup=1", "id__in=x", "outcome=x", "person__email__startswith=a"),
    ]
    for path in (*LISTS, "/admin/moderation/dashboard/"):
        for query in [*queries, *(STRANGE_QUERIES if path == CASES else [])]:
            # What is no address over HTTP either.
            answer = root.get(f"{path}?{query if query.isascii() else quote(query)}")
            assert answer.status_code < 500, (path, query)


def test_a_list_is_asked_only_what_its_filters_ask(root: Client, bob: User) -> None:
    """The rest would say what is in columns that are not shown, or keep the database busy."""
    asked = (
        *("name__regex=^(a%2B)%2B$", "id__regex=(", "id__range=1", "created_at__year=99999999999"),
        *("payload__contains=x", "chat=99999999999999999999", f"blocks={bob.pk}", "id__gt=1"),
        *("password__startswith=md5", "message__content__startswith=a", "kind__regex=(a%2B)%2B"),
        *("is_active__exact__exact=1", "permissions=1", "id=1", "moderator__username__in=a"),
    )
    for path in LISTS:
        for query in asked:
            assert root.get(f"{path}?{query}").status_code == 400, (path, query)
    assert all(isinstance(one, PlainList) for one in site._registry.values())


def test_what_filters_ask_is_answered_and_the_impossible_refused(
    root: Client, root_user: User, group: Chat
) -> None:
    open_chat(root_user, chat=group, reason="Asked for")
    answered = {
        PEOPLE: ("is_active__exact=1", "is_staff__exact=0", "o=-2&is_active__exact=1"),
        CHATS: ("kind__exact=group", "is_open__exact=1", "deleted_at__isempty=1"),
        MESSAGES: (f"chat__id__exact={group.pk}", "deleted_at__isempty=0"),
        RULES: ("is_on__exact=1", "mode__exact=hold", "kind__exact=words"),
        CASES: ("kind__exact=message", "state=all&whose=mine&reason=spam"),
        "/admin/moderation/appeal/": ("outcome=all",),
    }
    for path, queries in answered.items():
        for query in queries:
            assert root.get(f"{path}?{query}").status_code == 200, (path, query)
    for path, query in (
        (PEOPLE, "is_active__exact=x"),
        (CHATS, "deleted_at__isempty=x"),
        (MESSAGES, "chat__id__exact=x"),
    ):
        assert root.get(f"{path}?{query}").headers["Location"] == f"{path}?e=1"
    for query in ("kind__exact=%00", "kind__in=%00", "kind__isnull=%00", "kind__exact=" + "9" * 40):
        for path in (CASES, CHATS, RULES):
            assert root.get(f"{path}?{query}").status_code in (200, 302), (path, query)
    look = {"app_label": "moderation", "model_name": "case", "field_name": "person"}
    assert root.get("/admin/autocomplete/", {**look, "term": "\x00"}).status_code == 200


def test_what_is_not_in_a_list_is_not_chosen(root: Client, bob: User) -> None:
    actions = {
        PEOPLE: "ban",
        CHATS: "close",
        MESSAGES: "remove",
        CASES: "claim",
        "/admin/auth/group/": "delete_selected",
    }
    for path, action in actions.items():
        for chosen in ("x", "\x00", "9" * 23, "-1", "", "1.0", "٣"):
            form = {"action": action, "_selected_action": [bob.pk, chosen], "reason": "Because so"}
            answer = root.post(path, form)
            assert (answer.status_code, answer.headers["Location"]) == (302, path), chosen
            assert b"This is not in the list." in root.get(path).content
    assert User.objects.get(pk=bob.pk).is_active


def test_a_number_that_no_database_holds_is_no_crash(root: Client, bob: User) -> None:
    form = {"username": "bob", "email": bob.email, "name": "Bob", "groups": "9" * 23}
    assert root.post(f"{PEOPLE}{bob.pk}/change/", form).status_code in (200, 400)


@pytest.mark.once
def test_whatever_is_given_as_a_reason_is_no_crash(
    root: Client, root_user: User, bob: User, group: Chat
) -> None:
    case = Case.objects.create(kind="person", person=bob, assignee=root_user)
    for text in (*MARKED.values(), "\x00", "abc\x00defg", "\ud800"):
        form: dict[str, Any] = {"reason": text}
        for path, more in (
            (f"{CASES}{case.pk}/decide/", {"action": "nothing", "end": text, "until": text}),
            (f"{CASES}{case.pk}/undo/1/", {}),
            (f"{PEOPLE}{bob.pk}/appoint/", {"role": text}),
            (f"{PEOPLE}{bob.pk}/erase/", {"username": text, "reason": ""}),
            (CHATS, {"action": "slow", "_selected_action": group.pk, "seconds": text}),
            (f"{RULES}add/", {"name": text, "kind": text, "patterns": text, "mode": "flag"}),
        ):
            encoded = urlencode({**form, **more}, errors="surrogatepass")
            answer = root.post(path, encoded, content_type=FORM)
            assert answer.status_code in (200, 302, 404), (path, text[:50])
