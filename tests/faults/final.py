"""What is there in the end: everything read anew over REST, page by page, when all is quiet."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any

from tests.faults import wire
from tests.faults.history import Attempt, Entry, Final, History, Row
from tests.faults.rest import Rest
from tests.faults.world import Person, World, key_of

# Messages whose receipts are asked for one by one; the log has them all.
RECEIPTS = 300


class Unreadable(Exception):
    """The servers would not answer, though nothing is wrong with them now."""


class Reader:
    """Reads as members of the chats, at one process, directly."""

    def __init__(self, rest: Rest, process: int, world: World, witnesses: dict[int, list[Person]]):
        """`witnesses`: by chat, members who never left it."""
        self.rest, self.process, self.world, self.witnesses = rest, process, world, witnesses

    async def get(self, person: Person, path: str) -> Any:
        """The body of a page; waits when it is asked to."""
        for _ in range(60):
            answer = await self.rest.ask(self.process, "GET", path, person.token)
            if answer.result == "ok":
                return answer.body
            if answer.final:
                break
            await asyncio.sleep(0.5)
        raise Unreadable(f"{path}: {answer.status} {answer.error}")

    async def everything(self, history: History) -> Final:
        final = Final()
        await asyncio.gather(*(self._chat(final, chat) for chat in self.world.chats))
        await self._receipts(final, history)
        return final

    async def _chat(self, final: Final, chat: int) -> None:
        witness = self.witnesses[chat][0]
        final.rows[chat] = await self.rows(witness, chat)
        final.log[chat] = await self.log(self.witnesses[chat][-1], chat)
        said = await self.get(witness, f"/api/v1/chats/{chat}")
        final.roles[chat] = {member["user_id"]: member["role"] for member in said["members"]}
        for person in self.world.chats[chat]:
            if person.id in final.roles[chat]:
                page = await self.get(person, "/api/v1/chats?limit=100")
                for one in page["chats"]:
                    if one["id"] == chat:
                        final.unread[person.id, chat] = one["unread_count"]

    async def rows(self, witness: Person, chat: int) -> list[Row]:
        """All messages of a chat, oldest first."""
        rows: list[Row] = []
        before = ""
        while True:
            page = await self.get(witness, f"/api/v1/messages?chat_id={chat}&limit=100{before}")
            rows += [
                Row(
                    id=str(message["id"]),
                    uuid=message["uuid"],
                    seq=message["seq"],
                    author=message["author_id"],
                    key=key_of(message["content"]),
                    is_read=message["status"] == "read",
                    liked_by=message["liked_by"],
                )
                for message in page["messages"]
            ]
            if not page["has_more"]:
                return rows[::-1]
            before = f"&before_id={page['next_cursor']}"

    async def log(self, witness: Person, chat: int) -> list[Entry]:
        """All changes to a chat."""
        entries: list[Entry] = []
        while True:
            after = entries[-1].seq if entries else 0
            page = await self.get(
                witness, f"/api/v1/chats/{chat}/events?after_seq={after}&limit=500"
            )
            for event in page["events"]:
                told = wire.nodus(event, witness.id)
                assert told is not None and told.seq is not None
                # That the chat came to be is told like one's coming into it.
                kind = "created" if told.seq == 1 else told.kind
                entries.append(Entry(told.seq, kind, told.ref, told.person))
            if not page["has_more"]:
                return entries

    async def latest(self) -> dict[int, tuple[int, dict[int, str]]]:
        """By chat: the `seq` of its last change, and the last message by somebody else of each."""
        found = {}
        for chat, (witness, *_) in self.witnesses.items():
            said = await self.get(witness, f"/api/v1/chats/{chat}")
            page = await self.get(witness, f"/api/v1/messages?chat_id={chat}&limit=20")
            newest = {
                person.id: next(
                    (
                        str(message["id"])
                        for message in page["messages"]
                        if message["author_id"] != person.id
                    ),
                    "",
                )
                for person in self.world.chats[chat]
            }
            found[chat] = (said["seq"], newest)
        return found

    async def _receipts(self, final: Final, history: History) -> None:
        refs = {
            (attempt.chat, attempt.ref)
            for attempt in history.of(Attempt)
            if attempt.action == "read" and attempt.result == "ok"
        }
        ids = {row.uuid: row.id for rows in final.rows.values() for row in rows}
        chosen: Iterable[tuple[int, str]] = random.sample(sorted(refs), min(RECEIPTS, len(refs)))
        for chat, ref in chosen:
            path = f"/api/v1/messages/{ref}/status"
            said = await self.get(self.witnesses[chat][0], path)
            final.read_by[ids.get(ref, ref)] = [self.world.ids[uuid] for uuid in said["read_by"]]
