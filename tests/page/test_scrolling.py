"""A long conversation: read to its beginning without a jump, and little of it in the document."""

import asyncio
import re
from functools import partial

import pytest
from playwright.async_api import Locator, Route, expect

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.services import SendMessage, read_up_to, send_messages
from messenger.realtime.threads import in_db
from tests.page.windows import Window, Windows

pytestmark = pytest.mark.once
COUNT = 5_000
BATCH = 250
UNREAD = 300
# The one that the last one answers, of those that have been read long since.
FAR = 100
# Elements in the whole document, for however long a conversation.
MOST_NODES = 4_000
# Pixels by which what somebody looks at may be elsewhere, by rounding.
JUMP = 2
# Pixels at a time.
STEP = 500
# Milliseconds of the longest frame: ten times what a quiet machine takes, which is printed.
FRAME = 2_000

# Scrolls by less than a screen in each frame, faster than a wheel does, and looks where the message
# is then that was at the top. Who is `patient` stops short of what has not come yet; who is not
# stands at the very top when it comes.
SCROLL = """async ({first, step, patient}) => {
  const log = document.getElementById("log");
  const topOf = (one) => one.getBoundingClientRect().top;
  // The author's name above may go where others of theirs come before it.
  const wordsOf = (one) => one.querySelector(".text");
  const found = {steps: 0, jumps: [], most: 0, longest: 0};
  let before = performance.now();
  const watch = () => {
    const now = performance.now();
    found.longest = Math.max(found.longest, now - before);
    before = now;
    found.watching = requestAnimationFrame(watch);
  };
  watch();
  let mark = null;
  let was = 0;
  for (const end = performance.now() + 90000; performance.now() < end; found.steps++) {
    // What the page does about one step is seen at the next.
    await new Promise((done) => requestAnimationFrame(done));
    const off = mark?.isConnected === false ? NaN : mark ? topOf(wordsOf(mark)) - was : 0;
    if (!(Math.abs(off) <= JUMP)) found.jumps.push({step: found.steps, at: log.scrollTop, off});
    found.most = Math.max(found.most, document.querySelectorAll("*").length);
    const shown = [...log.querySelectorAll(".message")];
    const last = shown[0].textContent.includes(first);
    if (last && log.scrollTop <= 0) break;
    mark = shown.find((one) => topOf(one) >= topOf(log));
    if (!patient || last || log.scrollTop > 2 * step) log.scrollTop -= step;
    was = topOf(wordsOf(mark));
  }
  cancelAnimationFrame(found.watching);
  found.first = log.querySelector(".message .text").textContent;
  return found;
}""".replace("JUMP", str(JUMP))


def fill(
    author: User, chat: Chat, count: int, *, first: int = 0, answered: int | None = None
) -> list[int]:
    """Messages of many heights, of which the last one may answer another; their ids."""
    ids: list[int] = []
    for start in range(first, first + count, BATCH):
        commands = [
            SendMessage(
                author_id=author.id,
                chat=chat.id,
                content=f"#{number} " + "word " * (number * 7 % 30),
                reply_to=answered if number == first + count - 1 else None,
            )
            for number in range(start, min(start + BATCH, first + count))
        ]
        sent = send_messages(commands)
        ids += [one.message.id for one in sent]  # type: ignore[union-attr]
    return ids


@pytest.fixture
def long(alice: User, bob: User) -> Chat:
    chat = create_chat(alice, kind="group", name="Long", members=[bob])
    ids = fill(bob, chat, COUNT)
    read_up_to(alice, chat=chat.id, message=ids[-1])
    return chat


def newest(window: Window) -> Locator:
    return window.page.get_by_role("button", name="To the newest messages")


async def scroll_up(window: Window, *, patient: bool) -> None:
    found = await window.page.evaluate(SCROLL, {"first": "#0 ", "step": STEP, "patient": patient})
    print(
        f"\n{found['steps']} steps of {STEP} pixels: the longest frame took"
        f" {found['longest']:.0f} ms, the document had {found['most']} elements at most"
    )
    assert found["first"].startswith("#0 ")
    assert found["jumps"] == []
    assert found["most"] < MOST_NODES
    assert found["longest"] < FRAME
    await expect(window.message("#0 ")).to_be_in_viewport()


async def test_it_is_read_up_to_its_beginning_without_a_jump_and_with_few_elements(
    windows: Windows, long: Chat, alice: User
) -> None:
    a = await windows.open(alice)
    await a.open("Long")
    await expect(a.message(f"#{COUNT - 1} ")).to_be_in_viewport()
    await scroll_up(a, patient=True)
    # And at once back to where people talk, with all of them known.
    await newest(a).click()
    await expect(a.message(f"#{COUNT - 1} ")).to_be_in_viewport()
    await expect(newest(a)).to_be_hidden()
    await a.send("and another one")
    await expect(a.message("and another one")).to_be_in_viewport()
    await a.state("and another one", "delivered")


@pytest.fixture
def waiting(alice: User, bob: User) -> Chat:
    """So many messages for Alice, and as many before them that she has read."""
    chat = create_chat(alice, kind="group", name="Long", members=[bob])
    ids = fill(bob, chat, UNREAD)
    read_up_to(alice, chat=chat.id, message=ids[-1])
    fill(bob, chat, UNREAD, first=UNREAD, answered=ids[FAR])
    return chat


async def test_who_waits_at_the_top_for_older_messages_stays_with_what_they_look_at(
    windows: Windows, waiting: Chat, alice: User
) -> None:
    a = await windows.open(alice)
    await a.open("Long")
    await expect(a.page.locator(".unread-mark")).to_be_in_viewport()
    await scroll_up(a, patient=False)


async def test_a_quote_that_comes_late_moves_nothing(
    windows: Windows, waiting: Chat, alice: User
) -> None:
    a = await windows.open(alice)
    come = asyncio.Event()

    async def late(route: Route) -> None:
        await come.wait()
        await route.continue_()

    await a.page.route(re.compile(r"/api/v1/messages/\d+$"), late)
    await a.open("Long")
    await newest(a).click()
    answer = a.message(f"#{2 * UNREAD - 1} ")
    await expect(answer.locator(".quote")).to_contain_text("…")
    before = await answer.bounding_box()
    come.set()
    await expect(answer.locator(".quote")).to_contain_text(f"#{FAR} ")
    after = await answer.bounding_box()
    assert before and after and after["height"] == before["height"]


async def test_it_opens_at_the_first_unread_message_and_what_is_seen_is_read(
    windows: Windows, waiting: Chat, alice: User, bob: User
) -> None:
    a = await windows.open(alice)
    await expect(a.row("Long")).to_contain_text("300 unread messages")
    await expect(a.page).to_have_title("(300) Messenger")
    await a.open("Long")
    mark = a.page.locator(".unread-mark")
    await expect(mark).to_have_text("New messages")
    await expect(mark).to_be_in_viewport()
    await expect(mark.locator("+ .message .text")).to_contain_text(f"#{UNREAD} ")
    # Those in view, and not those further down.
    badge = a.page.locator("#newest-count")
    await expect(badge).not_to_have_text("300")
    assert 200 < int(await badge.inner_text()) < 300
    await expect(a.page).to_have_title(f"({await badge.inner_text()}) Messenger")
    await expect(mark).to_be_in_viewport()
    # Somebody goes on talking: the place where one reads stays.
    b = await windows.open(bob)
    await b.open("Long")
    place = await mark.bounding_box()
    await b.send("are you there?")
    await expect(a.row("Long")).to_contain_text("Bob: are you there?")
    assert await mark.bounding_box() == place
    await newest(a).click()
    await expect(a.message("are you there?")).to_be_in_viewport()
    await expect(a.page).to_have_title("Messenger")
    await expect(a.row("Long").locator(".badge")).to_have_count(0)
    await b.state("are you there?", "read")


async def test_a_quote_leads_to_what_is_far_away_and_one_comes_back_from_there(
    windows: Windows, waiting: Chat, alice: User
) -> None:
    a = await windows.open(alice)
    await a.open("Long")
    await newest(a).click()
    answer = a.message(f"#{2 * UNREAD - 1} ")
    await answer.get_by_role("button", name="In reply to").click()
    far = a.message(f"#{FAR} ")
    await expect(far).to_be_focused()
    await expect(far).to_be_in_viewport()
    await nodes(a)
    # What is around it comes as one goes on, in both directions.
    await a.log.hover()
    for distance, number in ((1200, 8), (-1200, -8)):
        wanted = a.message(f"#{FAR + number} ")
        for _ in range(60):
            if await wanted.is_visible():
                break
            await a.page.mouse.wheel(0, distance)
        await expect(wanted).to_have_count(1)
    await newest(a).click()
    await expect(answer).to_be_in_viewport()
    await nodes(a)


async def nodes(window: Window) -> None:
    assert await window.page.locator("*").count() < MOST_NODES


async def test_the_place_where_somebody_was_is_kept_while_they_look_elsewhere(
    windows: Windows, waiting: Chat, alice: User, bob: User
) -> None:
    await in_db(partial(create_chat, alice, kind="group", name="Other", members=[bob]))
    a = await windows.open(alice)
    await a.open("Long")
    await newest(a).click()
    await expect(a.page).to_have_title("Messenger")
    await a.page.evaluate("document.getElementById('log').scrollTop -= 900")
    await expect(newest(a)).to_be_visible()
    top = a.page.locator("#log .message", has_text=f"#{2 * UNREAD - 8} ")
    await expect(top).to_have_count(1)
    place = await top.bounding_box()
    await a.open("Other")
    await expect(a.messages).to_have_count(0)
    await a.open("Long")
    await expect(top).to_have_count(1)
    again = await top.bounding_box()
    assert place and again and abs(again["y"] - place["y"]) <= JUMP
