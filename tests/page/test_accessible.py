"""For everybody: with a keyboard, a screen reader, little sight, a telephone, in both languages."""

import re
from functools import partial
from typing import Any

import pytest
from playwright.async_api import expect

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.services import add_reaction, delete_message, edit_message, send_message
from messenger.realtime.threads import in_db
from tests.page.windows import PHONE, Window, Windows
from tests.people import PASSWORD, make_user

pytestmark = pytest.mark.once
# More than there are stops between any two things.
STOPS = 30
DOORS = (("/", False, "en"), ("/sign-up", True, "ru"), ("/appeal", True, "en"))


@pytest.fixture
def told(alice: User, bob: User, group: Chat) -> None:
    """One message of each look, from both."""
    for author in (alice, bob):
        say = partial(send_message, author, chat=group.id)
        first = say(content="See https://example.org/ and\nthe next line").message
        answer = say(content="An answer", reply_to=first.id).message
        edit_message(author, message=answer.id, content="An edited answer")
        gone = say(content="Gone").message
        delete_message(author, message=gone.id)
        add_reaction(bob, message=first.id, emoji="👍")
        add_reaction(alice, message=answer.id, emoji="❤️")
        say(content="🙂")


async def looks(window: Window, where: str) -> None:
    """By day and by night."""
    for scheme in ("light", "dark"):
        await window.page.emulate_media(color_scheme=scheme)
        await window.accessible(f"{where}, {scheme}")


async def fits(window: Window) -> None:
    """Nothing makes the page wider than the window."""
    width = await window.page.evaluate("document.documentElement.scrollWidth")
    assert width <= (window.page.viewport_size or PHONE)["width"]


async def test_nothing_at_the_door_keeps_anybody_out(windows: Windows) -> None:
    for path, phone, language in DOORS:
        window = await windows.open(path=path, phone=phone, language=language)
        await looks(window, path)
        # With what is wrong told beside the fields.
        await window.page.locator("form .main").click()
        await window.page.locator(":invalid").first.wait_for()
        await window.page.evaluate("document.querySelector('form:has(.main)').noValidate = true")
        windows.expected.append("400")
        await window.page.locator("form .main").click()
        await window.page.locator(".wrong").first.wait_for()
        await looks(window, f"{path} with mistakes")
        await fits(window)


async def test_nothing_in_the_messenger_keeps_anybody_out(
    windows: Windows, told: None, alice: User, bob: User, charlie: User
) -> None:
    a = await windows.open(alice)
    await looks(a, "the list")
    await a.open("Group")
    await expect(a.messages).to_have_count(8)
    await looks(a, "a chat")
    await a.message("🙂").last.locator(".bubble").click(button="right")
    await looks(a, "the menu of a message")
    await a.page.get_by_role("menuitem", name="Who has read it").click()
    await a.dialog("Who has read it").get_by_role("listitem").first.wait_for()
    await looks(a, "who has read it")
    await a.press("Escape")
    await a.page.locator("#emoji").click()
    await a.dialog("Choose an emoji").wait_for()
    await looks(a, "the emoji")
    await a.press("Escape")
    await a.page.locator("#info").click()
    await a.dialog("About the group").get_by_role("listitem").nth(1).wait_for()
    await looks(a, "about the group")
    for name in ("Change the group", "Add people", "Delete the chat"):
        await a.dialog("About the group").get_by_role("button", name=name).click()
        await a.dialog(name).wait_for()
        await looks(a, name)
        await a.press("Escape")
    await a.press("Escape")
    await a.page.locator("#new").click()
    await a.dialog("New chat").get_by_role("listitem").first.wait_for()
    await looks(a, "a new chat")
    await a.dialog("New chat").get_by_role("button", name="New group").click()
    await a.dialog("New group").get_by_role("checkbox", name="Charlie").check()
    await looks(a, "a new group")
    await a.press("Escape")
    await a.page.locator("#search").fill("r")
    await expect(a.page.locator("#list")).to_contain_text("Charlie")
    await looks(a, "a search")


async def test_nothing_on_a_telephone_does_and_all_of_it_fits(
    windows: Windows, told: None, alice: User, group: Chat
) -> None:
    a = await windows.open(alice, phone=True, language="ru")
    await expect(a.page.locator("html")).to_have_attribute("lang", "ru")
    await fits(a)
    await looks(a, "список")
    # One pane at a time.
    await expect(a.log).to_be_hidden()
    await a.row("Group").tap()
    await expect(a.messages).to_have_count(8)
    await expect(a.page.locator("#search")).to_be_hidden()
    await expect(a.status).to_have_text("2 участника")
    await fits(a)
    await looks(a, "чат")
    await a.page.locator("#info").tap()
    await a.page.get_by_role("dialog").get_by_role("listitem").nth(1).wait_for()
    await fits(a)
    await looks(a, "о группе")
    await a.page.get_by_role("dialog").locator("header button").tap()
    # A long word is broken, and Enter begins a line where fingers write.
    await a.text.fill("ж" * 200)
    await a.text.press("Enter")
    await a.text.press_sequentially("вот")
    await a.page.locator("#send").tap()
    await a.state("ж" * 200 + "\nвот", "delivered")
    await fits(a)
    await a.page.locator("#back").tap()
    await expect(a.log).to_be_hidden()
    await expect(a.row("Group")).to_be_visible()


async def test_a_keyboard_is_enough_to_sign_in_find_a_chat_write_and_react(
    windows: Windows, settings: Any, alice: User, bob: User, group: Chat
) -> None:
    # Tests hash quickly, in a way that no server takes.
    quick, *slow = settings.PASSWORD_HASHERS
    settings.PASSWORD_HASHERS = [*slow, quick]
    dora = await in_db(make_user, "dora")
    settings.PASSWORD_HASHERS = [quick, *slow]
    await in_db(partial(create_chat, dora, kind="group", name="Quiet", members=[alice]))
    a = await windows.open(alice)
    await a.open("Quiet")
    await a.send("Good morning")

    d = await windows.open()
    await expect(d.page.get_by_label("E-mail or username")).to_be_focused()
    await d.page.keyboard.type("dora")
    await d.press("Tab")
    await d.page.keyboard.type(PASSWORD)
    await d.press("Enter")
    await expect(d.row("Quiet")).to_contain_text("1 unread message")
    # By Tab to the list, and Enter: one can write at once.
    await go(d, "Tab", "#list a.row")
    await d.press("Enter")
    await expect(d.text).to_be_focused()
    await d.page.keyboard.type("Morning!")
    await d.press("Enter")
    await d.state("Morning!", "read")
    await expect(d.text).to_be_focused()
    # Back to what was said, up to the first, and its menu; above the words are the emoji.
    await go(d, "Shift+Tab", ".message")
    await d.press("Home")
    await expect(d.message("Good morning")).to_be_focused()
    await d.press("Enter")
    await expect(d.page.get_by_role("menuitem").first).to_be_focused()
    await d.press("Home", "ArrowDown", "Enter")
    await expect(a.message("Good morning").get_by_role("button", name="❤️: Dora")).to_have_count(1)
    await expect(d.message("Good morning")).to_be_focused()
    # Any letter goes into the field, Escape out of the chat, and the focus is never lost.
    await d.page.keyboard.type("x")
    await expect(d.text).to_have_value("x")
    await d.press("Escape")
    await expect(d.title).to_be_hidden()
    await expect(d.row("Quiet")).to_be_focused()
    # The search, from anywhere, and what it finds.
    await d.press("Control+k")
    await expect(d.page.locator("#search")).to_be_focused()
    await d.page.keyboard.type("qui")
    await d.press("ArrowDown", "Enter")
    await expect(d.text).to_be_focused()
    await expect(d.text).to_have_value("x")


async def test_what_comes_is_read_out_and_what_opens_gives_the_focus_back(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await a.send("Do you hear me?")
    said = b.page.get_by_role("log", name="New messages")
    await expect(said).to_have_text("Alice: Do you hear me?")
    await expect(said).to_have_attribute("aria-live", "polite")
    # Whole: who, what, when, and for one's own what became of it.
    await expect(b.messages.first).to_have_accessible_name(
        re.compile(r"^Alice Do you hear me\? \d")
    )
    await a.state("Do you hear me?", "read")
    await expect(a.messages.first).to_have_accessible_name(
        re.compile(r"^You Do you hear me\? \d.* Read$")
    )
    for opener, dialog in (("#info", "About the group"), ("#new", "New chat")):
        await b.page.locator(opener).focus()
        await b.press("Enter")
        await b.dialog(dialog).wait_for()
        # What is beside it is out of reach for as long.
        for _ in range(STOPS):
            await b.press("Tab")
            assert await b.page.evaluate("document.activeElement.matches('body, dialog, dialog *')")
        await b.press("Escape")
        await expect(b.page.locator(opener)).to_be_focused()


async def test_the_page_speaks_the_language_that_is_chosen_on_it(
    windows: Windows, alice: User, group: Chat
) -> None:
    a = await windows.open(alice, language="ru")
    await a.open("Group")
    await expect(a.text).to_have_accessible_name("Сообщение")
    await expect(a.status).to_have_text("2 участника")
    await a.send("Привет")
    await expect(a.message("Привет").get_by_role("img")).to_have_accessible_name("Доставлено")
    await a.page.locator("#own").click()
    await a.page.locator("#own-menu button[lang=en]").click()
    await expect(a.page.locator("html")).to_have_attribute("lang", "en")
    await a.row("Group").click()
    await expect(a.text).to_have_accessible_name("Message")
    await expect(a.status).to_have_text("2 members")
    await expect(a.message("Привет").get_by_role("img")).to_have_accessible_name("Delivered")


async def go(window: Window, key: str, to: str) -> None:
    """Press it until the focus is there."""
    for _ in range(STOPS):
        await window.press(key)
        if await window.page.evaluate("to => document.activeElement.matches(to)", to):
            return
    raise AssertionError(f"{key} does not lead to {to}")
