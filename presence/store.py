"""Where presence is kept: in Redis, for all processes together, or in this one."""

from django.conf import settings

from presence.leases import Change, Lease, Store
from presence.memory import MemoryStore
from presence.redis_store import RedisStore

__all__ = ["Change", "Lease", "MemoryStore", "RedisStore", "Store", "make_store", "store"]


def make_store() -> Store:
    """The store that the settings call for."""
    return RedisStore(settings.REDIS_URL) if settings.REDIS_URL else MemoryStore()


# The one that everybody uses, as `store.store`, so that tests can put another one in its place.
store = make_store()
