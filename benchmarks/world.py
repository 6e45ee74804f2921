"""The people, chats and messages that a side (`ours` or `textbook`) is loaded with.

Each side's world lives in its own process, which has that side's Django loaded.
`World` starts the process and calls functions in it: one JSON line there, one
JSON line back. The functions are in `world_ours.py` and `world_textbook.py`:

    people(count) -> list[int]               ids of new users
    tokens(people) -> list[str]              a fresh access token for each
    chat(members) -> int                     id of a new chat, made by members[0]
    fill(chat, senders, count) -> [int, int] ids of the first and the last new message
    stored(chats) -> list[[id, sender, text]]  all of the chats' messages by ascending id
    analyze()                                let PostgreSQL gather statistics on its tables
"""

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import time
from collections import defaultdict
from importlib import import_module
from typing import Any

from .servers import ROOT, ServerFailed, die_with_parent, server_environment, stop_process

SIDES = {
    "ours": ("benchmarks.world_ours", "messenger.settings"),
    "textbook": ("benchmarks.world_textbook", "benchmarks.textbook.settings"),
}


class World:
    """A handle on the process that makes people and chats for one side."""

    def __init__(self, side: str, database_url: str, redis_url: str) -> None:
        self.side = side
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.world", side],
            cwd=ROOT,
            env=server_environment(database_url, redis_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def call(self, function: str, *arguments: Any, timeout: float = 600.0) -> Any:
        """Call a function of the world; fails after `timeout` seconds."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps([function, *arguments]).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError as error:
            raise ServerFailed(f"the world of {self.side} has ended") from error
        # Answers come one at a time, so nothing of one is left in Python's buffer.
        if not select.select([stdout], [], [], timeout)[0]:
            raise ServerFailed(f"{self.side}: {function} took more than {timeout:.0f} s")
        line = stdout.readline()
        if not line:
            raise ServerFailed(f"the world of {self.side} ended in {function}")
        answer = json.loads(line)
        if "error" in answer:
            raise ServerFailed(f"{self.side}: {function}: {answer['error']}")
        return answer["result"]

    def people(self, count: int) -> list[int]:
        """Make so many users; return their ids."""
        return list(self.call("people", count))

    def tokens(self, people: list[int]) -> list[str]:
        """Fresh access tokens, one for each of the people."""
        return list(self.call("tokens", people))

    def chat(self, members: list[int]) -> int:
        """Make a chat; the first member is its creator."""
        return int(self.call("chat", members))

    def fill(self, chat: int, senders: list[int], count: int) -> tuple[int, int]:
        """Put so many messages into a chat; return the first and the last message's id."""
        first, last = self.call("fill", chat, senders, count)
        return int(first), int(last)

    def stored_faults(self, chats: list[int], tag: str, acked: int) -> str:
        """Compare a run's messages in the database with the acknowledged number.

        Returns the faults in words, or an empty string: each acknowledged message is
        there, once, and by ascending id each writer's messages are in sending order.
        """
        marker = re.compile(re.escape(tag) + r"\|(\d{4}):(\d{8}):")
        numbers: dict[tuple[int, str], list[int]] = defaultdict(list)
        rows = 0
        for _id, sender, text in self.call("stored", chats):
            if found := marker.match(text):
                rows += 1
                numbers[sender, found[1]].append(int(found[2]))
        faults = []
        if rows != acked:
            faults.append(f"{rows:,} rows for {acked:,} acknowledgements")
        if any(len(seen) != len(set(seen)) for seen in numbers.values()):
            faults.append("doubled rows")
        if any(seen != sorted(seen) for seen in numbers.values()):
            faults.append("ids not in sending order")
        return ", ".join(faults)

    def stop(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        stop_process(self._process, 3)


def main(side: str) -> None:
    """Be a side's world: serve calls from standard input until it closes."""
    module_name, settings = SIDES[side]
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints, doesn't print into the answers
    import django

    django.setup()
    module = import_module(module_name)
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        began = time.monotonic()
        try:
            answer = {"result": getattr(module, function)(*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer["seconds"] = time.monotonic() - began
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
