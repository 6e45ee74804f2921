"""The list of chats, who is in them, and who is here: told to everybody while it happens."""

import re
from functools import partial

import pytest
from playwright.async_api import Locator, expect

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messenger.realtime.threads import in_db
from tests.page.windows import Window, Windows

pytestmark = pytest.mark.once


def member(window: Window, name: str) -> Locator:
    """Somebody in what is open about a group."""
    people = window.dialog("About the group").get_by_role("list", name="Members")
    return people.get_by_role("listitem").filter(has_text=name)


async def about(window: Window) -> Locator:
    await window.page.get_by_role("button", name="Chat information").click()
    dialog = window.dialog("About the group")
    await expect(dialog.get_by_role("list", name="Members")).to_be_visible()
    return dialog


async def on_member(window: Window, name: str, item: str) -> None:
    await window.page.get_by_role("button", name=f"Menu: {name}").click()
    await window.page.get_by_role("menuitem", name=item).click()


async def test_a_search_finds_chats_and_people_and_a_private_chat_begins_with_a_press(
    windows: Windows, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    a, c = await windows.open(alice), await windows.open(charlie)
    await expect(c.page.locator("#list")).to_contain_text("No chats yet")
    search = a.page.get_by_role("searchbox", name="Search")
    await search.fill("gro")
    await expect(a.row("Group")).to_be_visible()
    await search.fill("charl")
    found = a.page.locator("#list").get_by_role("button", name="Charlie")
    await expect(found).to_contain_text("@charlie")
    await expect(a.row("Group")).to_have_count(0)
    await search.fill("nobody of this name")
    await expect(a.page.locator("#list")).to_contain_text("Nothing found.")
    await search.fill("charl")
    await found.click()
    await expect(a.title).to_have_text("Charlie")
    await expect(search).to_have_value("")
    await a.send("Hello, Charlie")
    # It is there for the other one, who is not in the group.
    await expect(c.row("Alice")).to_contain_text("Hello, Charlie")
    await expect(c.row("Group")).to_have_count(0)
    await c.open("Alice")
    await a.state("Hello, Charlie", "read")
    # The same chat from everywhere.
    await a.page.get_by_role("button", name="New chat").click()
    await a.dialog("New chat").get_by_role("searchbox", name="Find people").fill("charlie")
    await a.dialog("New chat").get_by_role("button", name="Charlie").click()
    await expect(a.dialog("New chat")).to_have_count(0)
    await expect(a.page.locator("#list a.row")).to_have_count(2)


async def test_a_new_group_is_there_for_those_in_it_with_what_is_said_of_it(
    windows: Windows, alice: User, bob: User, charlie: User
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.page.get_by_role("button", name="New chat").click()
    await a.dialog("New chat").get_by_role("button", name="New group").click()
    form = a.dialog("New group")
    await expect(form.get_by_role("textbox", name="Name")).to_be_focused()
    await form.get_by_role("textbox", name="Name").fill("Picnic")
    await form.get_by_role("textbox", name="Description").fill("On Sunday")
    for name in ("bob", "charlie"):
        await form.get_by_role("searchbox", name="Find people").fill(name)
        await form.get_by_role("checkbox", name=name.title()).check()
    # Who has been ticked stays in sight.
    await expect(form.get_by_role("checkbox", name="Bob")).to_be_checked()
    await form.get_by_role("button", name="Create").click()
    await expect(a.title).to_have_text("Picnic")
    await expect(a.status).to_have_text("3 members")
    await b.open("Picnic")
    dialog = await about(b)
    await expect(dialog).to_contain_text("3 members · by invitation")
    await expect(dialog).to_contain_text("On Sunday")
    await expect(member(b, "Alice")).to_contain_text("owner")
    await expect(member(b, "Bob")).to_contain_text("You")
    # Who does not own it does not change it.
    for name in ("Change the group", "Add people", "Delete the chat"):
        await expect(dialog.get_by_role("button", name=name)).to_have_count(0)


async def test_an_owner_changes_a_group_and_its_roles_and_all_see_it_at_once(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await about(b)
    dialog = await about(a)
    await dialog.get_by_role("button", name="Change the group").click()
    change = a.dialog("Change the group")
    await change.get_by_role("textbox", name="Name").fill("Круг <друзей>")
    await change.get_by_role("checkbox", name="Open").check()
    await change.get_by_role("button", name="Save").click()
    for one in (a, b):
        await expect(one.title).to_have_text("Круг <друзей>")
        await expect(one.dialog("About the group")).to_contain_text("2 members · open to all")
        await expect(one.row("Круг <друзей>")).to_have_count(1)
    await on_member(a, "Bob", "Make an owner")
    await expect(member(b, "Bob")).to_contain_text("owner")
    await expect(
        b.dialog("About the group").get_by_role("button", name="Add people")
    ).to_be_visible()
    await on_member(b, "Alice", "Make an ordinary member")
    await expect(dialog.get_by_role("button", name="Add people")).to_have_count(0)
    await expect(member(a, "Alice")).not_to_contain_text("owner")


async def test_who_is_added_gets_the_chat_and_who_is_removed_or_leaves_loses_it(
    windows: Windows, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    a, b, c = [await windows.open(person) for person in (alice, bob, charlie)]
    await a.open("Group")
    await b.open("Group")
    await a.send("Before Charlie")
    dialog = await about(a)
    await dialog.get_by_role("button", name="Add people").click()
    add = a.dialog("Add people")
    # Not those who are in it.
    await expect(add.get_by_role("checkbox", name="Charlie")).to_be_visible()
    await expect(add.get_by_role("checkbox", name="Bob")).to_have_count(0)
    await add.get_by_role("checkbox", name="Charlie").check()
    await add.get_by_role("button", name="Add").click()
    await expect(add).to_have_count(0)
    await expect(b.status).to_have_text("3 members")
    await c.open("Group")
    # What was said in it before is there too, as the list says.
    await expect(c.message("Before Charlie")).to_have_count(1)
    # Removed: their window loses it, and says so.
    await on_member(a, "Bob", "Remove from the group")
    await expect(b.page.get_by_role("alert")).to_have_text("You are no longer in “Group”.")
    await expect(b.title).to_be_hidden()
    await expect(b.row("Group")).to_have_count(0)
    await expect(member(a, "Bob")).to_have_count(0)
    await expect(c.status).to_have_text("2 members")
    # Left.
    await about(c)
    await c.dialog("About the group").get_by_role("button", name="Leave the group").click()
    await c.dialog("Leave the group").get_by_role("button", name="Leave").click()
    await expect(c.row("Group")).to_have_count(0)
    await expect(c.page.get_by_role("dialog")).to_have_count(0)
    await expect(a.status).to_have_text("1 member")
    # By its address it is not theirs to see, nor to join.
    windows.expected.append("404|403")
    await b.page.goto(f"/#chat-{group.id}")
    await expect(b.page.locator("#nothing")).to_contain_text("You are not in this chat")
    await b.page.get_by_role("button", name="Join").click()
    await expect(b.page.get_by_role("alert")).to_have_count(1)
    await expect(b.row("Group")).to_have_count(0)


async def test_an_open_group_is_joined_by_its_address(
    windows: Windows, alice: User, charlie: User
) -> None:
    make = partial(create_chat, alice, kind="group", name="Square", is_open=True)
    square = await in_db(make)
    a, c = await windows.open(alice), await windows.open(charlie, path=f"/#chat-{square.id}")
    await a.open("Square")
    await c.page.get_by_role("button", name="Join").click()
    await expect(c.title).to_have_text("Square")
    await expect(a.status).to_have_text("2 members")
    await c.send("Here I am")
    await expect(a.message("Here I am")).to_contain_text("Charlie")


async def test_a_deleted_chat_is_gone_from_all_windows(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await a.page.get_by_role("button", name="Chat menu").click()
    await a.page.get_by_role("menuitem", name="Delete the chat").click()
    question = a.dialog("Delete the chat")
    await expect(question).to_contain_text("“Group” will be gone for everybody")
    await question.get_by_role("button", name="Delete").click()
    for one in (a, b):
        await expect(one.row("Group")).to_have_count(0)
        await expect(one.title).to_be_hidden()
        await expect(one.page.locator("#list")).to_contain_text("No chats yet")


async def test_the_list_is_in_the_order_of_what_was_said_last_with_what_is_unread(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    for name in ("Second", "Third"):
        await in_db(partial(create_chat, alice, kind="group", name=name, members=[bob]))
    a, b = await windows.open(alice), await windows.open(bob)
    names = a.page.locator("#list a.row .title b")
    await expect(names).to_have_text(["Third", "Second", "Group"])
    await expect(a.page).to_have_title("Messenger")
    icon = a.page.locator("link[rel~=icon]")
    await expect(icon).to_have_attribute("href", re.compile("svg$"))
    await b.open("Group")
    await b.send("one")
    await expect(names).to_have_text(["Group", "Third", "Second"])
    await b.send("two")
    await expect(a.row("Group")).to_contain_text("2 unread messages")
    await b.open("Second")
    await b.send("three")
    await expect(names).to_have_text(["Second", "Group", "Third"])
    await expect(a.page).to_have_title("(3) Messenger")
    await expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    # Read here, and so in all windows of the same person.
    other = await windows.open(alice)
    await expect(other.page).to_have_title("(3) Messenger")
    await a.open("Group")
    for one in (a, other):
        await expect(one.page).to_have_title("(1) Messenger")
        await expect(one.row("Group").locator(".badge")).to_have_count(0)
    await a.open("Second")
    await expect(other.page).to_have_title("Messenger")
    await expect(icon).to_have_attribute("href", re.compile("svg$"))


async def test_it_shows_who_is_here_and_when_somebody_was(
    windows: Windows, alice: User, bob: User
) -> None:
    await in_db(partial(create_chat, alice, kind="private", members=[bob]))
    a = await windows.open(alice)
    await a.open("Bob")
    dot = a.row("Bob").locator(".dot")
    await expect(a.status).to_have_text("offline")
    await expect(dot).to_have_count(0)
    b = await windows.open(bob)
    await expect(a.status).to_have_text("online")
    await expect(dot).to_have_text("online")
    await b.context.close()
    # Some seconds later: it might have been a reload.
    await expect(a.status).to_have_text("last seen just now", timeout=60_000)
    await expect(dot).to_have_count(0)
