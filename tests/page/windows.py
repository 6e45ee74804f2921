"""
Windows of a real browser, each with a person in it.

Playwright belongs to one event loop, and a browser takes a second to start: there is one of each
for all tests, and between two of them the loop rests. In no test but these does a loop run on.
"""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, TypeVar

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    async_playwright,
    expect,
)

from accounts.models import User
from messenger.realtime.threads import in_db
from tests.chromium import CHROMIUM, OPTIONS
from tests.live.servers import Server
from tests.people import visitor

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
# Milliseconds until something has to be there, and seconds for a test: other things run beside it.
PATIENCE = 20_000
LONGEST = 150
# What a browser says of a network that a test has taken away.
CUT = r"net::ERR_|WebSocket connection to|Failed to fetch"
# The worst two of the four degrees that axe knows.
SERIOUS = {"serious", "critical"}

Result = TypeVar("Result")
expect.set_options(timeout=PATIENCE)


class Chromium:
    """The browser, and the loop that it is spoken to on."""

    playwright: Playwright
    browser: Browser

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.run(self._start())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        async def in_time() -> Result:
            async with asyncio.timeout(LONGEST):
                return await work

        return self.runner.run(in_time())

    async def _start(self) -> None:
        self.playwright = await async_playwright().start()
        # The one that is installed: nothing is downloaded.
        self.browser = await self.playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)

    async def _stop(self) -> None:
        await self.browser.close()
        await self.playwright.stop()

    def close(self) -> None:
        self.run(self._stop())
        self.runner.close()


class Window:
    """A page in a browser of its own: nobody shares cookies or drafts with it."""

    def __init__(self, windows: "Windows", context: BrowserContext, page: Page) -> None:
        self.windows = windows
        self.context = context
        self.page = page
        self.text = page.locator("#text")
        self.log = page.locator("#log")
        self.notice = page.locator("#notice")
        self.status = page.locator("#status")
        self.title = page.locator("#title")
        self.messages = page.get_by_role("article")

    def row(self, name: str) -> Locator:
        """A chat in the list."""
        return self.page.locator("#list a.row").filter(
            has=self.page.locator(".title b", has_text=re.compile(f"^{re.escape(name)}$"))
        )

    def message(self, text: str) -> Locator:
        """The messages with this text, and not those that quote it."""
        return self.messages.filter(has=self.page.locator(".text", has_text=text))

    def dialog(self, name: str) -> Locator:
        return self.page.get_by_role("dialog", name=name)

    async def open(self, name: str) -> None:
        """A chat, by its name."""
        await self.row(name).click()
        await expect(self.title).to_have_text(name)

    async def send(self, text: str) -> None:
        await self.text.fill(text)
        await self.text.press("Enter")

    async def choose(self, text: str, item: str) -> None:
        """Something out of the menu of a message, which is another until it is stored."""
        await expect(self.message(text)).to_have_attribute("data-id", re.compile(r"\d"))
        await self.message(text).locator(".bubble").click(button="right")
        await self.page.get_by_role("menuitem", name=item).click()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def state(self, text: str, state: str) -> None:
        """Wait until a message of one's own has come so far."""
        await expect(self.message(text)).to_have_attribute("data-state", state)

    async def texts(self) -> list[str]:
        """What all messages say that are in the document, from the top."""
        return await self.page.locator(".message .text").all_text_contents()

    async def offline(self, off: bool) -> None:
        if off:
            self.windows.expected.append(CUT)
        await self.context.set_offline(off)

    async def accessible(self, where: str) -> None:
        """Nothing that axe finds serious."""
        found = (await Axe().run(self.page)).response
        assert found["passes"]
        told = [
            (where, one["impact"], one["id"], [node["target"] for node in one["nodes"]])
            for one in found["violations"]
            if one["impact"] in SERIOUS
        ]
        assert not told


class Windows:
    """Opens them, and hears what goes wrong in any of them."""

    def __init__(self, chromium: Chromium, server: Server) -> None:
        self.chromium = chromium
        self.server = server
        self.problems: list[str] = []
        # Patterns of what a test makes go wrong.
        self.expected: list[str] = []
        self._contexts: list[BrowserContext] = []

    async def open(
        self,
        person: User | None = None,
        *,
        path: str = "/",
        phone: bool = False,
        dark: bool = False,
        language: str = "en",
        server: Server | None = None,
    ) -> Window:
        """With somebody signed in, and their chats listed; or with nobody."""
        url = (server or self.server).url
        context = await self.chromium.browser.new_context(
            base_url=url,
            viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if dark else "light",
            locale={"en": "en-GB", "ru": "ru-RU"}[language],
            # What moves is not where it seems to be. Nor does it say anything.
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        if person is not None:
            session = (await in_db(visitor, person)).cookies["sessionid"].value
            await context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        page = await context.new_page()
        window = Window(self, context, page)
        await page.goto(path)
        if person is not None:
            await page.locator("#list > li").first.wait_for(
                state="attached" if "#chat-" in path else "visible"
            )
        return window

    def _hear(self, message: ConsoleMessage) -> None:
        # Violations of the content security policy are among the errors.
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text} {message.location.get('url')}")

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    @property
    def wrong(self) -> list[str]:
        """What nobody expected."""
        known = self.expected
        return [one for one in self.problems if not any(re.search(part, one) for part in known)]
