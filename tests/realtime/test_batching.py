"""Group commit: batches take what is there, in order, and nobody suffers for another."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError

from messenger.errors import Internal, Unavailable
from messenger.held import Held
from messenger.realtime import batching
from messenger.realtime.batching import ANYTHING, HELD_UP, Batcher
from messenger.realtime.threads import writers


class Store:
    """A service that can be held up, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.locked: set[Any] = set()
        self.keyless = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)

    def together(self, commands: Sequence[Any], patient: bool) -> list[Any]:
        if not patient and self.locked:
            self.entered.release()
            held = Held("the same" if self.keyless else None)
            return [held if c in self.locked else f"done {c}" for c in commands]
        self.batches.append(list(commands))
        self.entered.release()
        assert self.gate.wait(10)
        if "poison" in commands:
            raise RuntimeError("poison")
        if "away" in commands:
            raise OperationalError("connection failed")
        return [f"done {command}" for command in commands]


async def test_what_comes_while_a_batch_runs_goes_together_in_order() -> None:
    store = Store()
    batcher = Batcher(store.together, writers, key=lambda command: "one chat")
    store.gate.clear()
    first = asyncio.create_task(batcher.carry_out(0))
    await asyncio.to_thread(store.entered.acquire)
    rest = [asyncio.create_task(batcher.carry_out(n)) for n in range(1, 50)]
    await asyncio.sleep(0)
    store.gate.set()
    outcomes = [await task for task in (first, *rest)]
    assert outcomes == [f"done {n}" for n in range(50)]
    assert store.batches == [[0], list(range(1, 50))]


async def test_what_arrives_in_one_turn_of_the_loop_is_one_batch() -> None:
    store = Store()
    batcher = Batcher(store.together, writers)
    await asyncio.gather(*(batcher.carry_out(n) for n in range(10)))
    assert store.batches == [list(range(10))]


async def test_a_batch_that_is_held_up_holds_up_only_its_own_chats() -> None:
    store = Store()
    batcher = Batcher(store.together, writers, key=lambda command: command[0])
    store.gate.clear()
    stuck = asyncio.create_task(batcher.carry_out(("a", 1)))
    await asyncio.to_thread(store.entered.acquire)
    behind = asyncio.create_task(batcher.carry_out(("a", 2)))
    other = asyncio.create_task(batcher.carry_out(("b", 1)))
    # The second batch starts although the first has not ended, and without what is behind it.
    assert await asyncio.to_thread(store.entered.acquire, True, HELD_UP * 50)
    assert store.batches == [[("a", 1)], [("b", 1)]]
    store.gate.set()
    assert await asyncio.gather(stuck, behind, other)
    assert store.batches[-1] == [("a", 2)]


async def test_a_batch_that_fails_is_answered_and_the_next_one_runs() -> None:
    store = Store()
    batcher = Batcher(store.together, writers)
    assert isinstance(await batcher.carry_out("poison"), Internal)
    assert await batcher.carry_out("next") == "done next"


async def test_a_database_that_is_away_is_no_mistake_of_ours() -> None:
    batcher = Batcher(Store().together, writers)
    assert isinstance(await batcher.carry_out("away"), Unavailable)


async def test_who_waits_behind_a_batch_that_hangs_is_told_and_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PATIENCE", 0.2)
    store = Store()
    batcher = Batcher(store.together, writers, key=lambda command: "one chat")
    store.gate.clear()
    first = asyncio.create_task(batcher.carry_out("first"))
    await asyncio.to_thread(store.entered.acquire)
    assert isinstance(await batcher.carry_out("second"), Unavailable)
    assert not first.done()
    store.gate.set()
    assert await first == "done first"
    assert await batcher.carry_out("third") == "done third"
    assert store.batches == [["first"], ["third"]]


async def test_an_answer_that_cannot_be_given_does_not_keep_the_others_from_theirs() -> None:
    store = Store()
    batcher = Batcher(store.together, writers)
    answered = asyncio.get_running_loop().create_future()

    def fails(outcome: Any) -> None:
        raise RuntimeError("this client is gone")

    batcher.submit("one", fails)
    batcher.submit("two", answered.set_result)
    assert await answered == "done two"


async def test_what_would_have_to_wait_waits_alone_and_keeps_its_order() -> None:
    store = Store()
    store.locked = {("a", 1), ("a", 2)}
    batcher = Batcher(store.together, writers, key=lambda command: command[0])
    store.gate.clear()
    order: list[str] = []
    for command in (("a", 1), ("b", 1), ("a", 2)):
        batcher.submit(command, order.append)
    await asyncio.to_thread(store.entered.acquire)
    await asyncio.to_thread(store.entered.acquire)
    assert order == ["done ('b', 1)"]
    batcher.submit(("a", 3), order.append)
    other = batcher.carry_out(("b", 2))
    # What is about "a" stays behind what waits for it; "b" goes on.
    assert await asyncio.wait_for(other, 5) == "done ('b', 2)"
    store.locked = set()
    store.gate.set()
    while len(order) < 4:
        await asyncio.sleep(0.005)
    assert order[1:] == ["done ('a', 1)", "done ('a', 2)", "done ('a', 3)"]


async def test_what_is_stuck_takes_one_thread_though_nobody_knows_what_commands_are_about() -> None:
    store = Store()
    store.keyless = True
    store.locked = set(range(20))
    batcher = Batcher(store.together, writers)
    store.gate.clear()
    stuck = [asyncio.ensure_future(batcher.carry_out(number)) for number in range(5)]
    await asyncio.to_thread(store.entered.acquire)
    await asyncio.to_thread(store.entered.acquire)
    for number in range(5, 20):
        stuck.append(asyncio.ensure_future(batcher.carry_out(number)))
        # One after the other, none in the batch of another.
        await asyncio.to_thread(store.entered.acquire)
    assert await asyncio.wait_for(batcher.carry_out("other"), 5) == "done other"
    assert store.batches == [[0, 1, 2, 3, 4]]
    store.locked = set()
    store.gate.set()
    assert await asyncio.gather(*stuck) == [f"done {number}" for number in range(20)]
    assert store.batches == [[0, 1, 2, 3, 4], list(range(5, 20))]


async def test_what_may_be_about_anything_runs_beside_nothing() -> None:
    store = Store()
    batcher = Batcher(store.together, writers, key=lambda c: ANYTHING if c == "any" else c)
    store.gate.clear()
    order: list[str] = []
    batcher.submit("a", order.append)
    await asyncio.to_thread(store.entered.acquire)
    for command in ("any", "a", "b"):
        batcher.submit(command, order.append)
    await asyncio.sleep(HELD_UP * 2)
    assert store.batches == [["a"]]
    store.gate.set()
    while len(order) < 4:
        await asyncio.sleep(0.005)
    assert order == ["done a", "done any", "done a", "done b"]
