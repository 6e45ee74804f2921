"""The people and chats of a run, made on the cluster before anything is measured."""

import json
from dataclasses import dataclass, field

import orjson

from tests.faults.cluster import Cluster

_MAKE = """
import json
from accounts.models import User
from accounts.services import start_login
from chats.services import create_chat
wanted = json.loads({wanted!r})
made = []
for number in range(wanted["chats"]):
    people = [
        User.objects.create_user(
            email=f"{{wanted['run']}}-{{number}}-{{one}}@example.org",
            username=f"{{wanted['run']}}-{{number}}-{{one}}",
            name=f"Person {{one}} of chat {{number}}",
            password=None,
        )
        for one in range(wanted["members"])
    ]
    name = f"{{wanted['run']}} {{number}}"
    chat = create_chat(people[0], kind="group", name=name, members=people[1:], is_open=True)
    made.append({{
        "id": chat.pk,
        "uuid": str(chat.uuid),
        "people": [[one.pk, str(one.uuid), start_login(one).access] for one in people],
    }})
print(json.dumps(made))
"""


@dataclass(frozen=True)
class Person:
    """Somebody with an access token that lasts as long as the cluster lets them."""

    id: int
    uuid: str
    token: str
    chat: int


@dataclass
class World:
    """`chats` has the members of each, the first of which owns it; `ids` the id of each UUID."""

    run: str
    chats: dict[int, list[Person]]
    ids: dict[str, int] = field(default_factory=dict)

    def key(self, writer: int, number: int) -> str:
        """What names a message: its idempotency key, too."""
        return f"{self.run}/{writer}/{number}"

    def content(self, writer: int, number: int) -> str:
        return json.dumps({"run": self.run, "writer": writer, "n": number})


def key_of(content: str | None) -> str:
    """What a message's content names; nothing if it is not one of ours."""
    try:
        said = orjson.loads(content or "")
        return f"{said['run']}/{said['writer']}/{said['n']}"
    except (ValueError, TypeError, KeyError):
        return ""


async def make_world(cluster: Cluster, run: str, *, chats: int, members: int) -> World:
    """So many open groups of so many people, everybody in one."""
    wanted = json.dumps({"run": run, "chats": chats, "members": members})
    printed = await cluster.manage("shell", "-c", _MAKE.format(wanted=wanted))
    world = World(run, {})
    for chat in json.loads(printed.splitlines()[-1]):
        world.ids[chat["uuid"]] = chat["id"]
        world.chats[chat["id"]] = [
            Person(id, uuid, token, chat["id"]) for id, uuid, token in chat["people"]
        ]
        world.ids.update({uuid: id for id, uuid, _ in chat["people"]})
    return world
