"""
Each hostile value in each part of each request that the documentation knows, over the whole
application, and a bystander in the same chat who hears everything meanwhile.

HOSTILE=all tries every input in every place (`python -m tests.hostile` does). Otherwise it is every
eighth one, and another eighth in the next place.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from messenger.errors import every_error
from tests import contracts
from tests.hostile import inputs
from tests.hostile.bystander import listening
from tests.hostile.places import Operation, Place, operations
from tests.hostile.tally import OURS, tally
from tests.project.asgi import JSON, Answer, ask, signed_in
from tests.project.authorisation import World

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("unlimited")]
EVERY = 1 if os.environ.get("HOSTILE") == "all" else 8
CODES = {error.code for error in every_error()} - OURS
KINDS = ("body", "query", "path", "header")
WORDS = {
    **{f"word {quote(word)[:40]} {len(word)}": quote(word, safe="") for word in inputs.NO_IDS},
    **{f"word {word}": word for word in (*inputs.NOBODYS_IDS, *inputs.STRANGE_WORDS)},
    "word empty": "",
    "word 4096": "x" * 4096,
    **{
        f"text: {name}": quote(text, safe="", errors="surrogatepass")
        for name, text in inputs.TEXTS.items()
        if len(text) < 4096
    },
}
# In a path, where the server has decoded them already.
PARTS = {
    f"part {word[:40]!r} {len(word)}": word
    for word in (*inputs.NO_IDS, *inputs.NOBODYS_IDS, "\ud800", "\u202e", "%00", "1//", ".", "..")
}


OPERATIONS = [operation for operation in operations() if operation.places]


def some(values: Mapping[str, str], turn: int) -> Iterator[tuple[str, str]]:
    """Those whose turn it is."""
    for number, item in enumerate(values.items()):
        if (number + turn) % EVERY == 0:
            yield item


def judge(operation: Operation, place: Place, name: str, answer: Answer, sent: bytes = b"") -> None:
    """Whether this may be the answer to something hostile."""
    tally.count("REST", f"{operation.name} {place.name}", name, answer.status)
    about = (operation.name, place, name, answer.status, answer.body[:300])
    assert 200 <= answer.status < 500, about
    if answer.status >= 400:
        said = answer.json()
        assert {"code", "detail"} <= set(said) <= {"code", "detail", "errors"}, about
        assert said["code"] in CODES and "Traceback" not in said["detail"], about
        assert answer.headers["content-type"] == "application/json", about
    elif sent:
        # What was taken is something that the documentation says may be sent.
        contracts.rest().check(
            operation.method, operation.path, answer.status, answer.headers, answer.body, sent
        )


async def try_all(
    ids: Mapping[str, Any], own: dict[str, str], operation: Operation, place: Place, turn: int
) -> None:
    """The inputs whose turn it is, in one place."""
    method, body, more = operation.method, operation.body(ids), {}
    if place.kind == "body":
        path, query = operation.target(ids, place, "")
        for name, value in some(inputs.ALL_VALUES, turn):
            sent = operation.body(ids, place, value)
            answer = await ask(method, path, query=query, body=sent, headers={**own, **JSON})
            judge(operation, place, name, answer, sent)
        return
    for name, word in some(PARTS if place.kind == "path" else WORDS, turn):
        if place.kind == "header":
            path, query = operation.target(ids, place, "")
            more = {place.name: inputs.STRANGE_KEYS[turn % len(inputs.STRANGE_KEYS)]}
            turn += 1
        else:
            path, query = operation.target(ids, place, word)
        answer = await ask(method, path, query=query, body=body, headers={**own, **JSON, **more})
        judge(operation, place, name, answer)
        if place.kind == "path":
            assert answer.status in (400, 404, 405), (operation.name, name, answer.status)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_each_part_of_each_request(world: World, operation: Operation) -> None:
    bob, alice, group = (world.things[name] for name in ("bob", "alice", "group"))
    ids, own = world.ids(), signed_in(world.tokens["owner"])
    first = OPERATIONS.index(operation)
    async with listening(bob, group, alice) as bystander:
        for turn, place in enumerate(operation.places, first):
            await try_all(ids, own, operation, place, turn)
            await bystander.still_hears()


def test_every_part_of_every_request_is_a_place() -> None:
    assert {place.kind for found in OPERATIONS for place in found.places} == set(KINDS)
