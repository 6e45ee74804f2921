"""Waiting for something, but not for ever."""

import asyncio


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` is set by then. An end that `cancel` asks for is not swallowed by it."""
    try:
        # Not wait_for, which on Python 3.11 may swallow it.
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
