"""docs/limits.md says what the code does."""

import re
from pathlib import Path
from typing import Any

from messenger.realtime import threads
from messenger.realtime.limits import EVERY_LIMIT, FrameLimit


def rows(text: str) -> dict[str, list[str]]:
    """The cells of the tables' rows, by the first one."""
    found = re.findall(r"^\| `?([\w-]+)`? \|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in found}


def test_the_table_has_every_limit_as_it_is(root: Path) -> None:
    text = (root / "docs/limits.md").read_text()
    told = [
        (name, cells[2], cells[3], cells[4])
        for name, cells in rows(text).items()
        if len(cells) == 5 and name != "limit"
    ]
    assert told == [
        (limit.name, f"{limit.burst}", f"{limit.every:.3g} s", limit.without_redis)
        for limit in EVERY_LIMIT
    ]
    assert f"goes on for {FrameLimit.BURST} frames more" in text


def test_so_it_does_the_other_bounds(root: Path, settings: Any) -> None:
    told = rows((root / "docs/limits.md").read_text())
    assert told["MAX_SOCKETS_PER_USER"][1] == f"{settings.MAX_SOCKETS_PER_USER}"
    assert told["SOCKET_BACKLOG_HARD"][1] == f"{settings.SOCKET_BACKLOG_HARD >> 20} MiB"
    hashers = threads.hashers
    assert told["passwords"][1] == f"{hashers.most}, behind {hashers.size}"
    assert told["passwords"][2] == f"503, `Retry-After: {hashers.retry_after}`"
