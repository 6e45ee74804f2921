"""What tells an orchestrator the truth."""

from typing import Any

import pytest
from channels.testing import HttpCommunicator

from messenger import health
from messenger.asgi import application
from messenger.realtime import hub as hubs


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "readiness", health.Readiness())


async def ask(path: str) -> Any:
    return await HttpCommunicator(application, "GET", path).get_response(timeout=10)


async def test_healthz_says_that_the_process_answers() -> None:
    response = await ask("/healthz")
    assert response["status"] == 200 and response["body"] == b'{"status":"ok"}'


async def test_readyz_takes_the_whole_way_of_an_event() -> None:
    response = await ask("/readyz/")
    assert response["status"] == 200
    assert response["body"] == b'{"status":"ok","database":"ok","layer":"ok","canary":"ok"}'


async def test_readyz_says_when_events_do_not_come_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    hub = hubs.get()
    monkeypatch.setattr(hub.relay, "send", lambda messages: None)
    response = await ask("/readyz")
    assert response["status"] == 503 and b'"canary":"lost"' in response["body"]


async def test_a_server_that_is_leaving_is_not_healthy() -> None:
    hubs.get().draining = True
    assert (await ask("/healthz"))["status"] == 503
