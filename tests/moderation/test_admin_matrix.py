"""Who may see what in the admin and do what there: every address of it, for everybody there is."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.urls import URLResolver, get_resolver, resolve

from accounts.models import User
from accounts.services import ban
from chats.services import delete_chat
from moderation.services import open_chat
from tests.moderation.admin_world import COLUMNS, World, assigned, make_world, stored

# Who may do what does not depend on where it is kept.
pytestmark = pytest.mark.once

# A letter for each of COLUMNS: sees it; is sent to Log in, to the right page instead (r); is
# refused (n, 403); there is no such thing (-), or it is asked for by POST only (m).
SEEN = {
    "": "LLyyyy",
    "login/": "yyrrrr",
    "logout/": "rrmmmm",
    "password_change/": "LLyyyy",
    "password_change/done/": "LLyyyy",
    "autocomplete/": "LLnnnn",
    "jsi18n/": "LLyyyy",
    "r/1/1/": "LL----",
    "moderation/": "LLyyyy",
    "nothing/there": "LL----",
    "moderation/dashboard/": "LLyyyy",
    "moderation/case/": "LLyyyy",
    "moderation/case/add/": "LLnnnn",
    "moderation/case/{case}/": "LLrrrr",
    "moderation/case/{case}/change/": "LLyyyy",
    "moderation/case/{case}/history/": "LLyyyy",
    "moderation/case/{case}/delete/": "LLnnnn",
    "moderation/case/{case}/claim/": "LLmmmm",
    "moderation/case/{case}/release/": "LLmmmm",
    "moderation/case/{case}/assign/": "LLmmmm",
    "moderation/case/{case}/evidence/": "LLmmmm",
    "moderation/case/{case}/decide/": "LLmmmm",
    "moderation/case/{decided}/undo/{decision}/": "LLmmmm",
    "moderation/case/{decided}/appeal/{appeal}/": "LLmmmm",
    "moderation/appeal/": "LLyyyy",
    "moderation/appeal/add/": "LLnnnn",
    "moderation/appeal/{appeal}/": "LLrrrr",
    "moderation/appeal/{appeal}/change/": "LLrrrr",
    "moderation/appeal/{appeal}/history/": "LLyyyy",
    "moderation/appeal/{appeal}/delete/": "LLnnnn",
    "moderation/rule/": "LLnyyy",
    "moderation/rule/add/": "LLnyyy",
    "moderation/rule/{rule}/": "LLrrrr",
    "moderation/rule/{rule}/change/": "LLnyyy",
    "moderation/rule/{rule}/history/": "LLnyyy",
    "moderation/rule/{rule}/delete/": "LLnyyy",
    "moderation/rule/{rule}/try/": "LLnyyy",
    "moderation/rule/{rule}/switch/": "LLmmmm",
    "moderation/opening/": "LLnyyy",
    "moderation/opening/add/": "LLnnnn",
    "moderation/opening/{opening}/": "LLrrrr",
    "moderation/opening/{opening}/change/": "LLnyyy",
    "moderation/opening/{opening}/history/": "LLnyyy",
    "moderation/opening/{opening}/delete/": "LLnnnn",
    "moderation/auditentry/": "LLnnyy",
    "moderation/auditentry/add/": "LLnnnn",
    "moderation/auditentry/{entry}/": "LLrrrr",
    "moderation/auditentry/{entry}/change/": "LLnnyy",
    "moderation/auditentry/{entry}/history/": "LLnnyy",
    "moderation/auditentry/{entry}/delete/": "LLnnnn",
    "auth/group/": "LLnnny",
    "auth/group/add/": "LLnnny",
    "auth/group/{group}/": "LLrrrr",
    "auth/group/{group}/change/": "LLnnny",
    "auth/group/{group}/history/": "LLnnny",
    "auth/group/{group}/delete/": "LLnnny",
    "accounts/user/": "LLyyyy",
    "accounts/user/add/": "LLnnyy",
    "accounts/user/{bob}/": "LLrrrr",
    "accounts/user/{bob}/change/": "LLyyyy",
    "accounts/user/{bob}/history/": "LLyyyy",
    "accounts/user/{bob}/delete/": "LLnnnn",
    "accounts/user/{bob}/password/": "LLnnyy",
    "accounts/user/{bob}/case/": "LLyyyy",
    "accounts/user/{bob}/appoint/": "LLnnyy",
    "accounts/user/{bob}/export/": "LLnnyy",
    "accounts/user/{bob}/erase/": "LLnnyy",
    "chats/chat/": "LLyyyy",
    "chats/chat/add/": "LLnnnn",
    "chats/chat/{chat}/": "LLrrrr",
    "chats/chat/{chat}/change/": "LLyyyy",
    "chats/chat/{chat}/history/": "LLyyyy",
    "chats/chat/{chat}/delete/": "LLnnnn",
    "chats/chat/{chat}/stats/": "LLyyyy",
    "chats/chat/{chat}/open/": "LLnyyy",
    # Nobody has opened the chat: of its messages there are none.
    "messaging/message/": "LLnyyy",
    "messaging/message/add/": "LLnnnn",
    "messaging/message/{message}/": "LLrrrr",
    "messaging/message/{message}/change/": "LLnrrr",
    "messaging/message/{message}/history/": "LLrrrr",
    "messaging/message/{message}/delete/": "LLnnnn",
}

REASON = {"reason": "Because of the rules"}
NEW = {"password1": "battery-staple-8", "password2": "battery-staple-8", "usable_password": "true"}
PERSON = {"email": "new@example.org", "username": "new"}
RULE = {"name": "New", "kind": "words", "patterns": "lottery", "mode": "hold"}


def nothing(world: World, user: User) -> None:
    """Before whoever it is acts."""


def has_it(world: World, user: User) -> None:
    assigned(world.case, user)


def has_opened_it(world: World, user: User) -> None:
    if user.has_perm("moderation.open_chat"):
        open_chat(user, chat=world.group, reason="Somebody asked")


class Act(NamedTuple):
    """
    Letters as above, and: it is Done, which the audit log tells of; it is not, and the page says
    why (w).
    """

    path: str
    letters: str
    form: dict[str, Any]
    before: Callable[[World, User], Any] = nothing


def on_list(path: str, letters: str, action: str, thing: str, *more: Any, **form: Any) -> Act:
    chosen = {"action": action, "_selected_action": "{" + thing + "}"}
    return Act(path, letters, {**chosen, **REASON, **form}, *more)


DONE = [
    Act("moderation/case/{case}/claim/", "LLdddd", {}),
    Act("moderation/case/{case}/release/", "LLdddd", {}, has_it),
    Act("moderation/case/{case}/assign/", "LLnddd", {"to": "{max}"}),
    Act("moderation/case/{case}/evidence/", "LLnddd", {}),
    Act("moderation/case/{case}/decide/", "LLdddd", {"action": "warn", **REASON}, has_it),
    Act("moderation/case/{case}/decide/", "LLwwww", {"action": "warn", **REASON}),
    Act(
        "moderation/case/{case}/decide/",
        "LLwddd",
        {"action": "ban", "end": "none", **REASON},
        has_it,
    ),
    Act(
        "moderation/case/{case}/decide/",
        "LLwddd",
        {"action": "mute", "end": "month", **REASON},
        has_it,
    ),
    Act("moderation/case/{decided}/undo/{decision}/", "LLwddd", REASON),
    Act("moderation/case/{decided}/appeal/{appeal}/", "LLnddd", {"grant": "no", **REASON}),
    Act("moderation/case/{case}/change/", "LLwwww", {"state": "closed", "assignee": "1"}),
    Act("moderation/appeal/{appeal}/change/", "LLwwww", {"outcome": "upheld"}),
    Act("moderation/opening/{opening}/change/", "LLnnnn", {"expires_at_0": "2100-01-01"}),
    Act("moderation/auditentry/{entry}/change/", "LLnnnn", {"reason": "Another one"}),
    Act("moderation/rule/add/", "LLnddd", RULE),
    Act("moderation/rule/{rule}/change/", "LLnddd", RULE),
    Act("moderation/rule/{rule}/delete/", "LLnddd", {"post": "yes"}),
    Act("moderation/rule/{rule}/switch/", "LLnddd", {"on": "yes"}),
    Act("moderation/rule/{rule}/try/", "LLnddd", {"days": "30"}),
    Act("auth/group/add/", "LLnnnd", {"name": "Others"}),
    Act("auth/group/{group}/change/", "LLnnnd", {"name": "Others"}),
    Act("auth/group/{group}/delete/", "LLnnnd", {"post": "yes"}),
    Act("accounts/user/add/", "LLnndd", {**PERSON, **NEW}),
    Act("accounts/user/{bob}/change/", "LLnndd", {**PERSON, "name": "New"}),
    Act("accounts/user/{bob}/password/", "LLnndd", {**NEW, "set-password": "yes"}),
    Act("accounts/user/{sara}/password/", "LLnnnd", {**NEW, "set-password": "yes"}),
    Act("accounts/user/{bob}/case/", "LLdddd", REASON),
    Act("accounts/user/{bob}/appoint/", "LLnndd", {"role": "moderator", **REASON}),
    Act("accounts/user/{bob}/appoint/", "LLnnwd", {"role": "administrator", **REASON}),
    Act("accounts/user/{bob}/erase/", "LLnndd", {"username": "bob", **REASON}),
    Act("accounts/user/{bob}/erase/", "LLnnww", {"username": "rob", **REASON}),
    on_list("moderation/case/", "LLdddd", "claim", "case"),
    on_list("accounts/user/", "LLwddd", "ban", "bob"),
    on_list("accounts/user/", "LLwwww", "ban", "root"),
    on_list("accounts/user/", "LLwwww", "ban", "bob", reason=""),
    on_list("accounts/user/", "LLwddd", "unban", "bob", lambda world, _: ban(world.people["bob"])),
    on_list("chats/chat/", "LLwddd", "close", "chat"),
    on_list("chats/chat/", "LLwddd", "slow", "chat", seconds="30"),
    on_list("chats/chat/", "LLwwww", "slow", "chat", seconds="30", reason=" "),
    on_list(
        "chats/chat/", "LLwddd", "reopen", "chat", lambda world, _: delete_chat(None, world.group)
    ),
    Act("chats/chat/{chat}/change/", "LLnnnn", {"name": "Mine"}),
    Act("chats/chat/{chat}/open/", "LLnddd", REASON),
    Act("messaging/message/{message}/change/", "LLnnnn", {"content": "x"}, has_opened_it),
    on_list("messaging/message/", "LLnddd", "remove", "message", has_opened_it),
    on_list("messaging/message/", "LLnwww", "remove", "message"),
]


def letter(response: Any) -> str:
    if response.status_code == 302:
        return "L" if response["Location"].startswith("/admin/login/") else "r"
    return {200: "y", 403: "n", 404: "-", 405: "m"}.get(response.status_code, "?")


def routes(patterns: Any, prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            # As it is said of an address that was resolved.
            yield route.replace("/^", "/")


def test_every_address_of_the_admin_is_in_the_table() -> None:
    there = {route for route in routes(get_resolver().url_patterns) if route.startswith("admin/")}
    known = {resolve("/admin/" + re.sub(r"{\w+}", "1", path)).route for path in SEEN}
    assert known == there


def test_everybody_sees_what_is_theirs_to_see(unlimited: None) -> None:
    world = make_world()
    ids = world.ids()
    browsers = [world.browser(name) for name in COLUMNS]
    found = {
        path: "".join(letter(browser.get("/admin/" + path.format_map(ids))) for browser in browsers)
        for path in SEEN
    }
    assert {path: seen for path, seen in found.items() if seen != SEEN[path]} == {}


def test_everybody_does_what_is_theirs_to_do_and_it_is_in_the_audit_log(unlimited: None) -> None:
    world = make_world()
    ids = world.ids()
    wrong = {}
    for number, act in enumerate(DONE):
        found = "".join(outcome(world, ids, name, act) for name in COLUMNS)
        if found != act.letters:
            wrong[number, act.path, str(act.form)] = found
    assert wrong == {}


def outcome(world: World, ids: dict[str, Any], name: str, act: Act) -> str:
    """What comes of it; then all is as it was before."""
    with transaction.atomic():
        if name in world.people:
            act.before(world, User.objects.get(pk=world.people[name].pk))
        form = {
            field: value.format_map(ids) if isinstance(value, str) else value
            for field, value in act.form.items()
        }
        # A new one each time: its session is rolled back, too.
        browser, before = world.browser(name), stored()
        answer = browser.post("/admin/" + act.path.format_map(ids), form)
        after = stored()
        told = letter(answer)
        transaction.set_rollback(True)
    if told in "Lnm-?" or answer.status_code >= 400:
        return told if before == after else f"({told} and yet it was done)"
    if after[1] > before[1]:
        return "d"
    return "w" if before == after else "(done, and not told of)"
