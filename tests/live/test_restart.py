"""A process that was told to end takes nobody in any more, while it waits for those it has."""

import asyncio
import signal
from pathlib import Path

import pytest

from accounts.models import User
from messenger.realtime.threads import in_db
from tests.live.servers import PATIENCE, get, serving
from tests.people import token

pytestmark = pytest.mark.once


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
async def test_a_process_that_is_ending_accepts_no_connection(
    kind: str, alice: User, tmp_path: Path
) -> None:
    with serving(tmp_path, kind) as server:
        access = await in_db(token, alice)
        # It does not hear the goodbye, so the process waits for it for some seconds.
        deaf = await server.connect(access)
        try:
            await get(deaf, action="unread_messages")
            deaf.transport.pause_reading()
            server.process.send_signal(signal.SIGTERM)
            refused = False
            async with asyncio.timeout(PATIENCE):
                while not refused and server.process.poll() is None:
                    try:
                        _, newcomer = await asyncio.open_connection("127.0.0.1", server.port)
                        newcomer.close()
                        await asyncio.sleep(0.02)
                    except ConnectionRefusedError:
                        refused = server.process.poll() is None
            assert refused, "it took in newcomers to its very end"
            assert await asyncio.to_thread(server.process.wait, PATIENCE) == 0
        finally:
            deaf.transport.abort()
