"""The JavaScript client, in Node: by itself, and each of its promises with a real server."""

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import start_login
from tests.live.servers import Server

FOLDER = Path(settings.BASE_DIR) / "clients" / "javascript"
# Built in from Node 22 on; before, it has to be asked for.
WEBSOCKET = "--experimental-websocket"
# Seconds that a token lasts which is to be exchanged in time.
SHORT = 4

PROMISES = re.findall(r'^live\("(.+?)"', (FOLDER / "test" / "live.test.js").read_text(), re.M)


@cache
def lacks() -> str:
    """Why there is no Node here that could run the tests, or an empty text."""
    if shutil.which("node") is None:
        return "there is no node"
    script = "process.exit(typeof WebSocket === 'function' ? 0 : 1)"
    tried = subprocess.run(["node", WEBSOCKET, "-e", script], capture_output=True, timeout=30)
    return "this node has no WebSocket (20.10 has one)" if tried.returncode else ""


def node(*arguments: str, **environment: str) -> str:
    """Run node with these, in the client's folder; what it said. The test fails if it does."""
    if lacks():
        pytest.skip(lacks())
    ran = subprocess.run(
        ["node", WEBSOCKET, "--no-warnings", *arguments],
        cwd=FOLDER,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def people(alice: User, bob: User) -> dict[str, Any]:
    """What live.test.js wants to know of the two."""
    pairs = {"alice": start_login(alice), "bob": start_login(bob), "short": start_login(alice)}
    found: dict[str, Any] = {
        name: {"access_token": pair.access, "refresh_token": pair.refresh}
        for name, pair in pairs.items()
    }
    short = AccessToken(pairs["short"].access)  # type: ignore[arg-type]
    short.set_exp(lifetime=timedelta(seconds=SHORT))
    alice_for_seconds = {**found.pop("short"), "access_token": str(short)}
    return {**found, "alice_for_seconds": alice_for_seconds, "seconds": SHORT}


def test_the_client_by_itself() -> None:
    said = node("--test", "test/unit.test.js")
    assert re.search(r"^# pass [1-9]", said, re.M) and "# fail 0" in said, said


@pytest.mark.parametrize("promise", PROMISES, ids=lambda text: re.sub(r"\W+", "_", text).lower())
def test_promise(promise: str, server: Server, alice: User, bob: User) -> None:
    said = node(
        "--test",
        f"--test-name-pattern=^{re.escape(promise)}$",
        "test/live.test.js",
        MESSENGER_URL=server.url,
        MESSENGER_PEOPLE=json.dumps(people(alice, bob)),
    )
    # Otherwise it ran nothing, and that went well.
    assert re.search(rf"^ok \d+ - {re.escape(promise)}$", said, re.M), said


def test_after_close_nothing_keeps_node_running(server: Server, alice: User, bob: User) -> None:
    script = """
        import { Messenger } from "./messenger.js";
        const { MESSENGER_URL: url, TOKEN: token } = process.env;
        const client = new Messenger({ url, token });
        await client.connect();
        client.typing(1);
        client.close();
        console.log(client.state);
    """
    token = start_login(alice).access
    said = node("--input-type=module", "-e", script, MESSENGER_URL=server.url, TOKEN=token)
    assert said == "offline\n"
