"""A connection that is lost: people go on writing, and nothing is lost or comes twice."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from playwright.async_api import expect

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.live.servers import Server, serving
from tests.page.windows import CUT, Window, Windows
from tests.ports import free_port

# Milliseconds until a page that waits longer after each failure has tried again, and more.
AGAIN = 60_000


class Mortal:
    """A server that can be killed and started again at the same address."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.start()

    def start(self) -> None:
        own = {"REDIS_PREFIX": f"{settings.REDIS_PREFIX}-mortal", "DEMO": "off"}
        self.server: Server = self.stack.enter_context(serving(self.folder, **own))

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: None) -> Iterator[Mortal]:
    port = free_port()
    monkeypatch.setattr("tests.live.servers.free_port", lambda: port)
    with ExitStack() as stack:
        yield Mortal(tmp_path, stack)


async def stored() -> list[str | None]:
    """What there is in the end, in its order."""
    return await in_db(lambda: [message.content for message in Message.objects.order_by("id")])


async def settled(window: Window, texts: list[str]) -> None:
    """Wait until these messages are there, once each and in this order, and nothing waits."""
    await expect(window.page.locator(".message .text")).to_have_text(texts, timeout=AGAIN)
    waiting = window.page.locator(".message:is([data-state=pending], [data-state=failed])")
    await expect(waiting).to_have_count(0, timeout=AGAIN)


async def test_who_is_offline_is_told_so_and_goes_on_and_all_goes_out_once_when_it_is_back(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await a.send("before")
    await expect(b.message("before")).to_have_count(1)
    await expect(a.notice).to_be_hidden()
    await a.offline(True)
    await expect(a.notice).to_contain_text("No connection. What you send goes out when it is back.")
    await b.send("while you were away")
    await b.state("while you were away", "delivered")
    mine = [f"waiting {number}" for number in range(3)]
    for text in mine:
        await a.send(text)
        await a.state(text, "pending")
    await expect(a.row("Group").get_by_role("img", name="Sending")).to_have_count(1)
    await a.offline(False)
    await expect(a.notice).to_be_hidden(timeout=AGAIN)
    texts = ["before", "while you were away", *mine]
    await settled(a, texts)
    await settled(b, texts)
    assert await stored() == texts
    # And what happens from now on is told again.
    await b.send("welcome back")
    await expect(a.message("welcome back")).to_have_count(1)
    await expect(a.status).to_have_text("2 members")


@pytest.mark.once
async def test_what_a_closed_page_had_not_sent_goes_out_with_the_next_one(
    windows: Windows, alice: User, bob: User, group: Chat
) -> None:
    a, b = await windows.open(alice), await windows.open(bob)
    await a.open("Group")
    await b.open("Group")
    await a.offline(True)
    await a.send("in a tunnel")
    await a.state("in a tunnel", "pending")
    await a.page.close()
    await a.offline(False)
    again = Window(windows, a.context, await a.context.new_page())
    await again.page.goto("/")
    await expect(b.message("in a tunnel")).to_have_count(1)
    await again.open("Group")
    await settled(again, ["in a tunnel"])
    assert await stored() == ["in a tunnel"]
    await again.page.reload()
    await settled(again, ["in a tunnel"])
    assert await stored() == ["in a tunnel"]


@pytest.mark.once
async def test_a_server_that_dies_while_people_write_loses_and_doubles_nothing(
    windows: Windows, mortal: Mortal, alice: User, bob: User, group: Chat
) -> None:
    windows.expected.append(CUT)
    a = await windows.open(alice, server=mortal.server)
    b = await windows.open(bob, server=mortal.server)
    await a.open("Group")
    await b.open("Group")
    texts = [f"line {number}" for number in range(24)]
    for text in texts[:12]:
        await a.send(text)
    # In the middle of what is on its way; then what is written to nobody.
    await asyncio.to_thread(mortal.kill)
    for text in texts[12:]:
        await a.send(text)
    await expect(a.notice).to_be_visible()
    await a.state(texts[-1], "pending")
    await asyncio.to_thread(mortal.start)
    await settled(a, texts)
    await settled(b, texts)
    assert await stored() == texts
    await expect(a.notice).to_be_hidden(timeout=AGAIN)
    await expect(b.notice).to_be_hidden(timeout=AGAIN)
    # The stream goes on, both ways, with all that belongs to a message.
    await b.send("still there?")
    await a.message("still there?").locator(".text").dblclick()
    await expect(b.message("still there?").get_by_role("button", name="❤️: Alice")).to_have_count(1)
    await b.state("still there?", "read")


@pytest.mark.once
async def test_signing_out_in_one_tab_ends_the_others(
    windows: Windows, alice: User, group: Chat
) -> None:
    a = await windows.open(alice)
    await a.open("Group")
    other = await a.context.new_page()
    await other.goto("/")
    # What the page asks for with a token of before is refused.
    windows.expected.append("401")
    await other.get_by_role("button", name="Menu", exact=True).click()
    await other.get_by_role("button", name="Sign out").click()
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(a.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(a.page).to_have_url(f"{windows.server.url}/sign-in")
