"""
The Redis channel layer: channels_redis' pub/sub layer, with many messages in one round trip.

It delivers at most once and in no order; what is lost or late is mended by the hub.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

# Seconds that Redis may take to answer before it counts as away.
PATIENCE = 1.0


class RedisLayer(RedisPubSubChannelLayer):
    # How often a subscription was made anew because its connection had been lost, and with it
    # whatever was published meanwhile: redis-py does that by itself and says nothing.
    resubscribed = 0

    async def group_send_many(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """`group_send` for each (group, message), with one round trip to each shard."""
        layer = self._get_layer()
        by_shard: dict[Any, list[tuple[str, bytes]]] = defaultdict(list)
        for group, message in messages:
            name = layer._get_group_channel_name(group)
            by_shard[layer._get_shard(name)].append((name, self.serialize(message)))
        for shard, items in by_shard.items():
            async with asyncio.timeout(PATIENCE), shard._lock:
                shard._ensure_redis()
                pipeline = shard._redis.pipeline(transaction=False)
                for name, body in items:
                    pipeline.publish(name, body)
                await pipeline.execute()

    async def group_add_many(self, groups: Iterable[str], channel: str) -> None:
        """`group_add` for each group, with one round trip to each shard."""
        await self._move(groups, channel, joining=True)

    async def group_discard_many(self, groups: Iterable[str], channel: str) -> None:
        """`group_discard` for each group, with one round trip to each shard."""
        await self._move(groups, channel, joining=False)

    async def _move(self, groups: Iterable[str], channel: str, *, joining: bool) -> None:
        layer = self._get_layer()
        by_shard: dict[Any, set[str]] = defaultdict(set)
        for group in groups:
            name = layer._get_group_channel_name(group)
            members = layer.groups.setdefault(name, set())
            if joining:
                members.add(channel)
            else:
                members.discard(channel)
                if not members:
                    del layer.groups[name]
            by_shard[layer._get_shard(name)].add(name)
        for shard, names in by_shard.items():
            async with asyncio.timeout(PATIENCE), shard._lock:
                shard._ensure_redis()
                shard._ensure_receiver()
                if joining and (new := names - shard._subscribed_to):
                    await shard._pubsub.subscribe(*new)
                    shard._subscribed_to |= new
                    # Again: nothing happens.
                    shard._pubsub.connection.register_connect_callback(self._connected_again)
                elif not joining and (old := names & shard._subscribed_to):
                    await shard._pubsub.unsubscribe(*old)
                    shard._subscribed_to -= old

    async def _connected_again(self, _connection: Any) -> None:
        self.resubscribed += 1
