"""What is there in the end, looked up by whatever names it."""

from bisect import bisect_right
from collections import defaultdict

from tests.faults.history import Final, Row


class Facts:
    """`Final`, indexed. A message goes by what its content names, where it has one."""

    def __init__(self, final: Final) -> None:
        self.final = final
        self._rows: dict[str, Row] = {}
        self._chats: dict[str, int] = {}
        for chat, rows in final.rows.items():
            for row in rows:
                for ref in filter(None, (row.key, row.uuid, row.id)):
                    self._rows[ref] = row
                    self._chats[ref] = chat
        # By chat and person: when they came and went.
        self._moves: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
        for chat, log in final.log.items():
            for entry in log:
                if entry.kind in ("joined", "left") and entry.person is not None:
                    self._moves[chat, entry.person].append((entry.seq, entry.kind))

    def row(self, ref: str) -> Row | None:
        return self._rows.get(ref)

    def name(self, ref: str) -> str:
        row = self._rows.get(ref)
        return (row.key or row.id) if row is not None else ref

    def seq_of(self, ref: str) -> int | None:
        row = self._rows.get(ref)
        return None if row is None else row.seq

    def last_seq(self, chat: int) -> int:
        log = self.final.log.get(chat)
        return log[-1].seq if log else 0

    def stayed(self, person: int, chat: int) -> bool:
        """Whether they were in the chat all the time."""
        return person in self.final.roles.get(chat, {}) and not self._moves.get((chat, person))

    def inside(self, person: int, chat: int, seq: int) -> bool:
        """Whether they were in the chat at this place; their coming and their going are inside."""
        moves = self._moves.get((chat, person))
        if not moves:
            return person in self.final.roles.get(chat, {})
        index = bisect_right(moves, (seq, "~"))
        if index == 0:
            return moves[0][1] == "left"
        at, kind = moves[index - 1]
        return kind == "joined" or at == seq
