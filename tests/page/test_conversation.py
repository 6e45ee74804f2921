"""Two people in two windows: what one does in a conversation, the other one sees as it happens."""

import re
from functools import partial

import pytest
from playwright.async_api import expect

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.page.windows import Window, Windows

pytestmark = pytest.mark.once
LONGEST = 4096


async def both_in(windows: Windows, alice: User, bob: User) -> tuple[Window, Window]:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    return a, b


async def test_a_message_has_a_clock_then_ticks_and_is_read_when_somebody_has_seen_it(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await a.offline(True)
    await a.send("Hello")
    await a.state("Hello", "pending")
    await expect(a.text).to_have_value("")
    tick = a.message("Hello").get_by_role("img")
    await expect(tick).to_have_accessible_name("Sending")
    await a.offline(False)
    await a.state("Hello", "delivered")
    await expect(tick).to_have_accessible_name("Delivered")
    # He has it in his list, and has not looked at it.
    await expect(b.row("Group")).to_contain_text("Alice: Hello")
    await b.open("Group")
    await expect(b.message("Hello")).to_contain_text("Alice")
    await a.state("Hello", "read")
    await expect(tick).to_have_accessible_name("Read")
    await expect(a.row("Group").get_by_role("img")).to_have_accessible_name("Read")


async def test_an_answer_shows_what_it_answers_and_leads_there(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await both_in(windows, alice, bob)
    await a.send("Who comes?")
    await b.choose("Who comes?", "Reply")
    bar = b.page.locator("#answering")
    await expect(bar).to_contain_text("Reply to Alice")
    # Escape takes it back.
    await b.press("Escape")
    await expect(bar).to_be_hidden()
    await b.choose("Who comes?", "Reply")
    await b.send("I do")
    await expect(bar).to_be_hidden()
    for one, name in ((a, "You"), (b, "Alice")):
        quote = one.message("I do").get_by_role("button", name="In reply to")
        await expect(quote).to_contain_text(re.compile(f"{name}.*Who comes"))
        await quote.click()
        await expect(one.message("Who comes?")).to_be_focused()
    # What is quoted changes along.
    await a.choose("Who comes?", "Delete")
    await a.dialog("Delete this message").get_by_role("button", name="Delete").click()
    await expect(b.message("I do").locator(".quote")).to_contain_text("Message deleted")


async def test_an_edit_is_seen_by_all_and_arrow_up_begins_one(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await both_in(windows, alice, bob)
    await a.send("Fisrt")
    await expect(b.message("Fisrt")).to_have_count(1)
    await a.state("Fisrt", "read")
    await a.text.press("ArrowUp")
    await expect(a.text).to_have_value("Fisrt")
    await expect(a.page.locator("#send")).to_have_accessible_name("Save")
    await a.send("First")
    for one in (a, b):
        await expect(one.message("First").locator(".edited")).to_have_text("edited")
        await expect(one.messages).to_have_count(1)
    # What was being written comes back when an edit is given up.
    await a.text.fill("Second, to be")
    await a.choose("First", "Edit")
    await expect(a.text).to_have_value("First")
    await a.press("Escape")
    await expect(a.text).to_have_value("Second, to be")
    # Nobody edits what others say.
    await b.message("First").locator(".bubble").click(button="right")
    await expect(b.page.get_by_role("menuitem", name="Reply")).to_be_visible()
    await expect(b.page.get_by_role("menuitem", name="Edit")).to_have_count(0)


async def test_a_message_is_deleted_for_all_once_that_is_confirmed(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await both_in(windows, alice, bob)
    await b.send("Not meant so")
    await b.choose("Not meant so", "Delete")
    question = b.dialog("Delete this message for everybody?")
    await expect(question).to_contain_text("Not meant so")
    await question.get_by_role("button", name="Cancel").click()
    await expect(question).to_have_count(0)
    await expect(a.message("Not meant so")).to_have_count(1)
    await b.choose("Not meant so", "Delete")
    await question.get_by_role("button", name="Delete").click()
    for one in (a, b):
        await expect(one.message("Message deleted")).to_have_count(1)
        await expect(one.message("Not meant so")).to_have_count(0)
        await expect(one.row("Group")).not_to_contain_text("Not meant so")


async def test_reactions_are_counted_with_names_and_a_double_click_is_a_like(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await both_in(windows, alice, bob)
    await a.send("Cake!")
    # By the picker, with a search for it by the eyes only.
    said = b.message("Cake!")
    await said.hover()
    await said.get_by_role("button", name="React").click()
    picker = b.dialog("Choose an emoji")
    await picker.get_by_role("button", name="🍰", exact=True).click()
    await expect(picker).to_have_count(0)
    own = a.message("Cake!")
    chip = own.get_by_role("button", name="🍰")
    await expect(chip).to_have_accessible_name("🍰: Bob")
    await expect(chip).to_have_attribute("aria-pressed", "false")
    # A press on it joins in, another one goes.
    await chip.click()
    await expect(said.get_by_role("button", name="🍰")).to_have_text("🍰2")
    await expect(chip).to_have_accessible_name("🍰: Bob and You")
    await chip.click()
    await expect(said.get_by_role("button", name="🍰")).to_have_text("🍰1")
    # A like, and not any more.
    await said.locator(".text").dblclick()
    heart = own.get_by_role("button", name="❤️")
    await expect(heart).to_have_accessible_name("❤️: Bob")
    await said.locator(".text").dblclick()
    await expect(heart).to_have_count(0)
    # From the menu, which knows what is there.
    await own.locator(".bubble").click(button="right")
    await a.page.get_by_role("menuitemcheckbox", name="👍").click()
    await expect(said.get_by_role("button", name="👍")).to_have_accessible_name("👍: Alice")


async def test_lines_links_and_markup_come_as_they_were_written(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await both_in(windows, alice, bob)
    await a.text.press_sequentially("See")
    await a.text.press("Shift+Enter")
    await a.text.press_sequentially("(https://example.org/a_(b)?x=1&y=2), <b>this</b> javascript:x")
    await a.text.press("Enter")
    for one in (a, b):
        said = one.message("See")
        lines = "See\n(https://example.org/a_(b)?x=1&y=2), <b>this</b> javascript:x"
        assert await said.locator(".text").inner_text() == lines
        link = said.get_by_role("link")
        await expect(link).to_have_count(1)
        await expect(link).to_have_attribute("href", "https://example.org/a_(b)?x=1&y=2")
        await expect(link).to_have_attribute("rel", re.compile("noopener"))


async def test_typing_is_told_with_names_and_in_the_list(
    windows: Windows, alice: User, bob: User, charlie: User
) -> None:
    make = partial(create_chat, alice, kind="group", name="Three", members=[bob, charlie])
    await in_db(make)
    a, b, c = [await windows.open(person) for person in (alice, bob, charlie)]
    await b.open("Three")
    await c.open("Three")
    await b.text.press_sequentially("so")
    await expect(a.row("Three")).to_contain_text("Bob is typing…")
    await a.open("Three")
    await expect(a.status).to_have_text("Bob is typing…")
    await c.text.press_sequentially("and")
    await expect(a.status).to_have_text("Bob and 1 other are typing…")
    # It ends with the message, and when somebody goes elsewhere.
    await b.text.press("Enter")
    await expect(a.status).to_have_text("Charlie is typing…")
    await c.press("Escape")
    await expect(a.status).to_have_text("3 members")


async def test_it_is_told_who_has_read_a_message_of_a_group_and_who_not_yet(
    windows: Windows, alice: User, bob: User, charlie: User
) -> None:
    make = partial(create_chat, alice, kind="group", name="Three", members=[bob, charlie])
    await in_db(make)
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Three")
    await b.open("Three")
    await a.send("Listen")
    await a.state("Listen", "read")
    await a.choose("Listen", "Who has read it")
    told = a.dialog("Who has read it")
    read = told.get_by_role("list", name="Who has read it")
    await expect(read.get_by_role("listitem")).to_have_text(re.compile("Bob.*just now"))
    waiting = told.get_by_role("list", name="Not yet")
    await expect(waiting.get_by_role("listitem")).to_have_text(re.compile("Charlie"))


async def test_what_is_too_long_for_one_message_is_offered_in_parts(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await both_in(windows, alice, bob)
    words = [f"word{number:04d}" for number in range(1000)]
    # As a paste comes: all at once.
    await a.text.focus()
    await a.page.keyboard.insert_text(" ".join(words))
    offer = a.page.locator("#too-long")
    await expect(offer).to_contain_text("The text has 8,999 characters; a message has no more")
    await a.text.press("Enter")
    assert await a.messages.count() == 0
    await offer.get_by_role("button", name="Send as 3 messages").click()
    await expect(a.text).to_have_value("")
    await expect(b.messages).to_have_count(3)
    await expect(a.page.locator(".message[data-state=read]")).to_have_count(3)
    # Divided between words, and nothing lost.
    texts = await b.texts()
    assert " ".join(texts).split() == words and all(len(text) <= LONGEST for text in texts)
    assert await in_db(Message.objects.count) == 3


async def test_a_draft_is_kept_over_other_chats_and_a_reload_and_only_here(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    await in_db(partial(create_chat, alice, kind="group", name="Other", members=[bob]))
    a, b = await both_in(windows, alice, bob)
    await b.send("What do you think?")
    await a.choose("What do you think?", "Reply")
    await a.text.press_sequentially("Well, I")
    await a.open("Other")
    await expect(a.text).to_have_value("")
    await expect(a.row("Group")).to_contain_text("Draft: Well, I")
    await expect(b.row("Group")).not_to_contain_text("Well, I")
    await a.page.reload()
    await a.open("Group")
    await expect(a.text).to_have_value("Well, I")
    await expect(a.page.locator("#answering")).to_contain_text("Reply to Bob")
    await a.text.press("Enter")
    await expect(b.message("Well, I").locator(".quote")).to_contain_text("What do you think?")
    await a.page.reload()
    await expect(a.text).to_have_value("")
