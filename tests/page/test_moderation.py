"""Moderation as people meet it: a report, a decision and an appeal; blocks; one's own data."""

import json
import re
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import get_hashers, make_password
from django.contrib.auth.models import Group
from playwright.async_api import Locator, expect

from accounts.models import User
from accounts.services import service_account
from chats.models import Chat
from chats.services import create_chat, set_slow_mode
from messaging.services import send_message
from messenger.realtime.threads import in_db
from moderation.models import Case, Decision, Rule
from moderation.services import claim, decide
from tests.live.servers import Server, get
from tests.page.windows import Window, Windows
from tests.people import PASSWORD, make_user, token

pytestmark = pytest.mark.once
# Milliseconds in which all windows hear of something.
WITHIN = 1_000
REASON = "Advertising is not wanted here."


def can_sign_in(person: User) -> None:
    """On the server: tests hash quickly, in a way that it does not take."""
    _quick, hasher, *_others = get_hashers()
    User.objects.filter(id=person.id).update(password=make_password(PASSWORD, hasher=hasher))


def staff(name: str, group: str) -> User:
    """Somebody of the staff, who signs in at the admin."""
    person = make_user(name, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    can_sign_in(person)
    return person


async def admin(windows: Windows, person: User) -> Window:
    """The administration, in which `person` has signed in."""
    window = await windows.open(path="/admin/")
    await window.page.locator("#id_username").fill(person.username)
    await window.page.locator("#id_password").fill(PASSWORD)
    await window.page.locator("#login-form [type=submit]").click()
    await expect(window.page.locator("#user-tools")).to_contain_text(person.name)
    return window


async def refusals(server: Server, author: User, chat: Chat) -> list[Any]:
    """What `author` is told for a message to this chat, over each way of each protocol."""
    headers = {
        "Authorization": f"Bearer {await in_db(token, author)}",
        "Accept-Language": "en",
    }
    told = []
    frames: dict[str, dict[str, Any]] = {
        "/connect": {"action": "send_message", "chat_id": chat.id, "text": "No?"},
        "/api/v1/ws": {"event": "message.send", "data": {"chat_id": chat.id, "content": "No?"}},
        "/ws": {"type": "message.send", "chat_id": str(chat.uuid), "payload": {"content": "No?"}},
    }
    for path, frame in frames.items():
        async with server.open(path, additional_headers=headers) as socket:
            await socket.send(json.dumps({**frame, "request_id": "asked"}))
            while (answer := await get(socket)).get("request_id") != "asked":
                pass
            assert "error" in (answer.get("action"), answer.get("event"), answer.get("type"))
            told.append(answer.get("data") or answer.get("payload") or answer)
    for path, body in {
        "/messages/send": {"chat_id": chat.id, "text": "No?"},
        "/api/v1/messages": {"chat_id": chat.id, "content": "No?"},
    }.items():
        told.append(await in_db(partial(server.post, path, body, headers)))
    return told


async def about_the_person(window: Window) -> Locator:
    await window.page.get_by_role("button", name="Chat information").click()
    return window.dialog("About the person")


async def test_a_report_leads_to_a_decision_and_an_appeal_undoes_it(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    mia = await in_db(staff, "mia", "Moderator")
    sara = await in_db(staff, "sara", "Senior moderator")
    notices = (await in_db(service_account)).name
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await b.send("Buy my pills")

    await a.choose("Buy my pills", "Report…")
    form = a.dialog("Report this message")
    await expect(form.get_by_role("radio").first).to_be_focused()
    await a.accessible("a report")
    await form.get_by_role("radio", name="Spam or advertising").check()
    await form.get_by_label("What moderators should know").fill("For the third time")
    await form.get_by_role("button", name="Send").click()
    await expect(a.page.get_by_role("alert")).to_have_text("Thank you. Moderators will look at it.")
    await expect(a.row(notices)).to_be_visible()

    m = await admin(windows, mia)
    await m.page.goto("/admin/moderation/case/")
    await m.page.locator("#result_list tbody th a").click()
    await expect(m.page.locator("main")).not_to_contain_text("Buy my pills")
    await m.page.get_by_role("button", name="Claim").click()
    await expect(m.page.locator(".reported")).to_contain_text("Buy my pills")
    await expect(m.page.locator(".reports")).to_contain_text("For the third time")
    case = m.page.url
    await m.page.get_by_role("radio", name="Mute the person in the chat").check()
    await m.page.get_by_label("Mute or ban for").select_option("1 day")
    await m.page.get_by_role("checkbox", name="Also remove the message").check()
    await m.page.get_by_label("Reason").fill(REASON)
    await expect(b.message("Buy my pills")).to_be_visible()
    await m.page.get_by_role("button", name="Decide and close the case").click()
    await expect(b.message("Buy my pills")).to_have_count(0, timeout=WITHIN)
    await expect(a.message("Buy my pills")).to_have_count(0)

    await b.send("Why?")
    decision = await in_db(lambda: Decision.objects.get(action="mute_here"))
    assert decision.until is not None
    until = decision.until.astimezone(UTC)
    end = f"{until:%Y-%m-%d %H:%M} UTC"
    await expect(b.message("Why?")).to_contain_text(f"A moderator has muted you until {end}")
    await expect(b.page.locator("#wait")).to_contain_text("You can read but not write until")
    await b.accessible("a message that was refused")
    for told in await refusals(windows.server, bob, group):
        assert told["code"] == "muted" and end in told["detail"], told
        assert told["until"][:16] == f"{until:%Y-%m-%dT%H:%M}"

    await b.open(notices)
    await expect(b.text).to_be_hidden()
    notice = b.page.locator(".notice-of").filter(has_text=end)
    await expect(notice).to_contain_text(REASON)
    await notice.get_by_role("button", name="Appeal…").click()
    form = b.dialog("Appeal against this decision")
    await b.accessible("an appeal")
    await form.get_by_role("textbox").fill("They asked me for them")
    await form.get_by_role("button", name="Send").click()
    await expect(notice).to_contain_text("You have appealed.")
    await expect(notice.get_by_role("button", name="Appeal…")).to_have_count(0)
    # One for each decision: the message is another one.
    told = b.page.locator(".notice-of")
    await expect(told).to_have_count(3)
    await expect(told.get_by_role("button", name="Appeal…")).to_have_count(1)

    s = await admin(windows, sara)
    await s.page.goto(case)
    appeal = s.page.locator(".appeal")
    await expect(appeal).to_contain_text("They asked me for them")
    await appeal.get_by_label("Reason").fill("So they did")
    await appeal.get_by_role("button", name="Undo the decision").click()
    await expect(told.filter(has_text="So they did").first).to_be_visible()
    await b.open("Group")
    await expect(b.page.locator("#wait")).to_be_hidden()
    await b.message("Why?").get_by_role("button", name="Try again").click()
    await expect(a.message("Why?")).to_be_visible()
    # Who reported is told that something was done, and nothing else.
    await a.open(notices)
    await expect(a.page.locator(".notice-of")).to_have_count(2)
    await expect(a.log).not_to_contain_text(REASON)


async def test_what_a_rule_holds_back_waits_and_what_it_rejects_is_changed(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    olga = await in_db(partial(make_user, "olga", is_staff=True, is_superuser=True))
    for mode, word in (("hold", "casino"), ("reject", "viagra")):
        rule = {"name": word, "kind": "words", "patterns": word, "mode": mode, "is_on": True}
        await in_db(partial(Rule.objects.create, **rule))
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await b.send("To the casino!")
    await b.state("To the casino!", "waiting")
    await b.send("With viagra")
    await b.state("With viagra", "failed")
    await expect(b.message("To the casino!")).to_contain_text("waits for a moderator")
    await expect(b.message("To the casino!").locator(".failure button")).to_have_count(0)
    acts = b.message("With viagra").locator(".failure button")
    await expect(acts).to_have_text(["Change the text", "Do not send"])
    await b.accessible("messages that rules are against")
    await acts.first.click()
    await expect(b.text).to_have_value("With viagra")
    await expect(b.message("With viagra")).to_have_count(0)
    # It waits however often the page is loaded.
    await b.page.reload()
    await b.state("To the casino!", "waiting")
    await expect(a.messages).to_have_count(0)
    case = await in_db(lambda: Case.objects.get(kind="waiting"))
    await in_db(claim, olga, case)
    await in_db(partial(decide, olga, case, action="dismiss", reason="Why not"))
    await expect(a.message("To the casino!")).to_be_visible()
    # The one that waited gives way to the one that was sent, as soon as its key is answered.
    await expect(b.messages).to_have_count(1)
    await b.state("To the casino!", "read")


async def test_who_is_blocked_is_not_heard_of_until_it_is_taken_back(
    windows: Windows, alice: User, bob: User
) -> None:
    chat = await in_db(partial(create_chat, alice, kind="private", members=[bob]))
    await in_db(partial(send_message, bob, chat=chat.id, content="Hey"))
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Bob")
    await b.open("Alice")
    await expect(a.status).to_have_text("online")
    dialog = await about_the_person(a)
    await dialog.get_by_role("button", name="Block").click()
    sure = a.dialog("Block Bob?")
    await expect(sure).to_contain_text("Bob is not told.")
    await sure.get_by_role("button", name="Block").click()
    await expect(dialog.get_by_role("button", name="Unblock")).to_be_visible()
    await a.accessible("a person who is blocked")
    await a.press("Escape")
    await expect(a.text).to_be_hidden()
    instead = a.page.locator("#instead")
    await expect(instead).to_contain_text("You have blocked this person.")
    await expect(a.status).not_to_have_text("online")
    # Nothing says so to the other one, until they write.
    await expect(b.page.locator("#instead")).to_be_hidden()
    await b.send("Are you there?")
    await expect(b.message("Are you there?")).to_contain_text("can't be delivered")
    failed = b.message("Are you there?").get_by_role("button")
    await expect(failed).to_have_text(["Do not send"])
    # It is so in the next window, too.
    await a.page.reload()
    await instead.get_by_role("button", name="Unblock").click()
    await a.dialog("Unblock Bob?").get_by_role("button", name="Unblock").click()
    await expect(a.text).to_be_visible()
    await a.send("Here I am")
    await expect(b.message("Here I am")).to_be_visible()
    await expect(a.message("Are you there?")).to_have_count(0)


async def test_in_slow_mode_one_is_told_when_to_write_again(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await a.page.get_by_role("button", name="Chat information").click()
    about = a.dialog("About the group")
    await about.get_by_role("button", name="Change the group").click()
    change = a.dialog("Change the group")
    await change.get_by_label("Slow mode").select_option("5 minutes")
    await change.get_by_role("button", name="Save").click()
    await expect(about).to_contain_text("Slow mode: 5 minutes between two messages of a member")
    await b.send("One")
    await b.send("Two")
    await b.state("Two", "failed")
    await expect(b.page.locator("#wait")).to_have_text(
        re.compile(r"^Slow mode: the next message can be sent in [1-5] minutes?\.$")
    )
    await in_db(set_slow_mode, group, 0)
    await expect(about).not_to_contain_text("Slow mode")
    await b.message("Two").get_by_role("button", name="Try again").click()
    await expect(a.message("Two")).to_be_visible()
    await expect(b.page.locator("#wait")).to_be_hidden()


async def test_one_takes_ones_data_along_and_has_the_account_deleted(
    windows: Windows, alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    await in_db(partial(send_message, bob, chat=group.id, content="So I said"))
    a, b = await windows.open(alice), await windows.open(bob)
    await in_db(can_sign_in, bob)
    await a.open("Group")
    await b.page.locator("#own").click()
    await b.page.get_by_role("button", name="My data").click()
    data = b.dialog("My data")
    await b.accessible("one's own data")
    async with b.page.expect_download() as coming:
        await data.get_by_role("button", name="Download all of it").click()
    await (await coming.value).save_as(tmp_path / "own.json")
    assert "So I said" in json.dumps(json.loads((tmp_path / "own.json").read_text()))
    await data.get_by_role("button", name="Delete my account…").click()
    sure = b.dialog("Delete my account")
    await b.accessible("the end of an account")
    windows.expected.append("40[13]")
    await sure.get_by_label("Your password").fill("wrong-horse-7")
    await sure.get_by_role("button", name="Delete for ever").click()
    await expect(sure.get_by_role("alert")).not_to_be_empty()
    await sure.get_by_label("Your password").fill(PASSWORD)
    await sure.get_by_role("button", name="Delete for ever").click()
    await expect(b.page.get_by_label("E-mail or username")).to_be_visible()
    await expect(a.status).to_have_text("1 member")
    await expect(a.message("So I said")).to_contain_text("So I said")
