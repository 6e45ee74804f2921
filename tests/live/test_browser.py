"""
The page of Chatroulette in a real browser: two people, each in a tab, see what the other one does.

The page and its script are in `tests/protocols/browser`; they run at the origin of the server.
"""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from chats.models import Chat
from messaging.models import Message, Reaction
from messenger.realtime.threads import in_db
from messenger.times import iso
from tests.chromium import CHROMIUM, OPTIONS
from tests.live.servers import Server
from tests.people import token

FOLDER = Path(settings.BASE_DIR) / "tests" / "protocols" / "browser"
SCRIPT = '<script src="page.js"></script>'
# Seconds for a browser to start, and for a page to show something.
PATIENCE = 20.0

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look with"),
]


class Refused(Exception):
    """What the browser did not do, or what a script threw."""


class Tab:
    """A page in the browser, over the DevTools protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.numbers = count(1)
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        # What scripts threw and nobody caught.
        self.thrown: list[str] = []
        self.logged: list[str] = []
        self.listening = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        # Until it is closed, in whatever way.
        while True:
            try:
                text = await self.connection.recv()
            except ConnectionClosed:
                return
            said = json.loads(text)
            if "id" in said:
                waiting = self.waiting.pop(said["id"])
                if "error" in said:
                    waiting.set_exception(Refused(said["error"]["message"]))
                else:
                    waiting.set_result(said["result"])
            elif said["method"] == "Runtime.exceptionThrown":
                self.thrown.append(str(said["params"]["exceptionDetails"]))
            elif said["method"] == "Log.entryAdded":
                self.logged.append(said["params"]["entry"]["text"])

    async def do(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.connection.send(json.dumps({"id": number, "method": method, "params": params}))
        return await asyncio.wait_for(answer, PATIENCE)

    async def run(self, script: str) -> Any:
        """What the script gives, waited for; Refused with what it throws."""
        done = await self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise Refused(done["exceptionDetails"]["exception"].get("description"))
        return done["result"].get("value")

    async def call(self, function: str, *arguments: Any) -> Any:
        return await self.run(f"{function}({', '.join(map(json.dumps, arguments))})")

    async def until(self, script: str, expected: Any) -> None:
        """Wait until the script gives this."""
        until = time.monotonic() + PATIENCE
        while (found := await self.run(script)) != expected:
            assert time.monotonic() < until, (script, found, *self.thrown, *self.logged)
            await asyncio.sleep(0.03)

    async def shows(self, message_id: str, **expected: Any) -> Any:
        """Wait until a message looks so; how it looks then."""
        names = json.dumps(list(expected))
        seen = f"seen({json.dumps(message_id)})"
        await self.until(f"(s => s && Object.fromEntries({names}.map(n => [n, s[n]])))({seen})",
                         expected)  # fmt: skip
        return await self.run(seen)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[str]:
    """Where a browser of our own listens."""
    assert CHROMIUM is not None
    folder = tmp_path / "chromium"
    options = [
        *OPTIONS,
        *("--headless=new", "--disable-background-networking", "--disable-extensions"),
        *("--remote-debugging-port=0", f"--user-data-dir={folder}"),
    ]
    log = tmp_path / "chromium.log"
    with log.open("wb") as output:
        process = subprocess.Popen([CHROMIUM, *options], stdout=output, stderr=output)
    try:
        found = folder / "DevToolsActivePort"
        until = time.monotonic() + PATIENCE
        while not found.exists() or len(found.read_text().splitlines()) < 2:
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        port, path = found.read_text().splitlines()[:2]
        yield f"ws://127.0.0.1:{port}{path}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def empty_tab(browser: str) -> AsyncIterator[Tab]:
    """A tab with nothing in it, and nothing of what happens there asked for yet."""
    origin = browser.rpartition("/devtools")[0]
    async with websocket(browser, max_size=None) as whole:
        command = {"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}
        await whole.send(json.dumps(command))
        while "result" not in (made := json.loads(await whole.recv())):
            pass
    target = made["result"]["targetId"]
    async with websocket(f"{origin}/devtools/page/{target}", max_size=None) as connection:
        opened = Tab(connection)
        try:
            yield opened
        finally:
            opened.listening.cancel()


@asynccontextmanager
async def tab(browser: str, server: Server, user: User, language: str) -> AsyncIterator[Tab]:
    """The page as `user` sees it, with its socket open."""
    async with empty_tab(browser) as opened:
        await opened.do("Runtime.enable")
        await opened.do("Log.enable")
        await opened.do("Network.enable")
        await opened.do("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        # What a browser did not get from a local host may not talk to it: it is put into a page of
        # the server's own.
        access = await in_db(token, user)
        url = f"{server.url}/healthz#token={access}&user={user.uuid}"
        await opened.do("Page.navigate", url=url)
        await opened.until("location.pathname + document.readyState", "/healthzcomplete")
        html = (FOLDER / "page.html").read_text().replace(SCRIPT, "")
        await opened.run(f"document.open(); document.write({json.dumps(html)}); document.close()")
        await opened.run((FOLDER / "page.js").read_text())
        await opened.until("document.getElementById('socket')?.textContent", "open")
        yield opened
        assert opened.thrown == []


async def test_two_people_see_statuses_edits_and_likes_as_they_happen(
    browser: str, server: Server, alice: User, bob: User, group: Chat
) -> None:
    async with (
        tab(browser, server, alice, "ru") as a,
        tab(browser, server, bob, "en") as b,
    ):
        # Alice says something; both see it come.
        await b.call("sendTyping", str(group.uuid), True)
        await a.until("document.getElementById('typing').textContent", str(bob.uuid))
        await a.call("sendMessage", str(group.uuid), "Привет <b>всем</b>")
        await b.until("document.querySelectorAll('[data-message-id]').length", 1)
        row = await in_db(Message.objects.get)
        id = str(row.uuid)
        fresh = {"content": "Привет <b>всем</b>", "badge": None, "likes": "🤍 0"}
        for page in (a, b):
            await page.shows(id, **fresh, status="✓✓ delivered")

        # Bob reads it: his page says so in the words of the answer, hers by the event.
        answer = await b.call("markAsRead", id)
        assert (answer["status"], answer["read_by"]) == ("read", [str(bob.uuid)])
        looks = await b.shows(id, status="👁 Read")
        when = looks["title"].removesuffix(f": {bob.uuid}")
        assert answer["read_at"][:23] == when[:23] and when.endswith("Z")
        await a.shows(id, status="👁 read", title=looks["title"])
        # In her language, where she asks.
        await a.call("markAsRead", id)
        await a.shows(id, status="👁 Прочитано", title=looks["title"])

        # Alice edits it.
        edited = await a.call("editMessage", id, "Пока")
        at = f"{edited['edited_at'][:23]}Z"
        for page in (a, b):
            await page.shows(id, content="Пока", badge=f"(edited {at})", status="✏️ edited")
        await b.call("markAsRead", id)
        await b.shows(id, status="✏️ Edited")

        # Both like it, by their buttons, and take that back; each sees the other's.
        async def click(page: Tab) -> None:
            await page.run("document.querySelector('.like').click()")

        await click(b)
        await b.shows(id, likes="❤️ 1")
        await a.shows(id, likes="🤍 1")
        await click(a)
        for page in (a, b):
            await page.shows(id, likes="❤️ 2")
        liked = await a.call("likeMessage", id)
        assert (liked["likes_count"], liked["is_liked"]) == (2, True)
        await click(b)
        await b.shows(id, likes="🤍 1")
        await a.shows(id, likes="❤️ 1")
        unliked = await b.call("unlikeMessage", id)
        assert (unliked["likes_count"], unliked["is_liked"]) == (1, False)
        await a.call("toggleLike", id, True)
        for page in (a, b):
            await page.shows(id, likes="🤍 0")
        assert not await in_db(Reaction.objects.exists)
        # What is shown is what the functions make of what is told.
        shown = {"status": "read", "status_text": "Прочитано"}
        assert await a.call("displayMessageStatus", shown) == "👁 Прочитано"
        shown_likes = {"likes_count": 3, "liked_by": [str(alice.uuid)]}
        assert await a.call("displayMessageLikes", shown_likes) == "❤️ 3"

        # What is refused is thrown, and changes nothing on any page.
        with pytest.raises(Refused, match="403 forbidden"):
            await b.call("editMessage", id, "mine")
        with pytest.raises(Refused, match="404 not_found"):
            await a.call("likeMessage", str(group.uuid))
        with pytest.raises(Refused, match="400 invalid"):
            await a.call("editMessage", id, " ")

        # Deleted by the owner, over NODUS: nothing is left of it but that.
        delete = """fetch("/api/v1/messages/%s", {
            method: "DELETE", headers: {Authorization: `Bearer ${token}`},
        }).then(response => response.status)"""
        assert await a.run(delete % id) == 204
        for page in (a, b):
            await page.shows(id, content="", status="🗑 deleted")
        with pytest.raises(Refused, match="404 not_found"):
            await b.call("markAsRead", id)
    row = await in_db(partial(Message.objects.get, id=row.id))
    assert (row.content, row.status) == (None, "deleted")
    assert row.first_read_at is not None and iso(row.first_read_at) == answer["read_at"]


async def test_a_page_with_no_good_token_is_closed(
    browser: str, server: Server, alice: User, group: Chat
) -> None:
    async with tab(browser, server, alice, "en") as a:
        script = f"""new Promise(done => {{
            const socket = new WebSocket("ws://{server.url.removeprefix("http://")}/ws?token=x");
            socket.onclose = event => done(event.code);
        }})"""
        assert await a.run(script) == 4401
        # With the token beside the address, as subprotocols.
        script = """new Promise(done => {
            const socket = new WebSocket(`ws://${location.host}/ws`, ["bearer", token]);
            socket.onopen = () => socket.send(JSON.stringify({type: "ping"}));
            socket.onmessage = event => { done(event.data); socket.close(); };
        })"""
        assert json.loads(await a.run(script)) == {"type": "ack", "payload": {}}
