"""The Redis layer says when it may have lost something."""

import asyncio
from functools import partial

import pytest

from messenger.realtime.layer import RedisLayer
from tests.faults.services import Missing, Redis


async def test_a_subscription_that_was_made_anew_is_counted() -> None:
    try:
        redis = Redis()
    except Missing as error:
        pytest.skip(str(error))
    layer = RedisLayer(hosts=[redis.url], prefix="messenger-layer")
    try:
        await asyncio.to_thread(redis.start)
        channel = await layer.new_channel()
        await layer.group_add_many({"hubs", "chat.1"}, channel)
        await layer.group_add_many({"chat.2"}, channel)
        assert layer.resubscribed == 0
        with redis.client() as client:
            await asyncio.to_thread(partial(client.client_kill_filter, _type="pubsub"))
        async with asyncio.timeout(15):
            while not layer.resubscribed:
                await asyncio.sleep(0.02)
        # As one connection does, however many groups it is in; and it hears of them again.
        assert layer.resubscribed == 1
        hearing = asyncio.create_task(layer.receive(channel))
        async with asyncio.timeout(15):
            while not hearing.done():
                await layer.group_send_many([("chat.2", {"type": "hub.beat"})])
                await asyncio.wait([hearing], timeout=0.05)
        assert hearing.result() == {"type": "hub.beat"}
    finally:
        await layer.flush()
        redis.close()
