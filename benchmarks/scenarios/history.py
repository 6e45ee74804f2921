"""History: a page of fifty from a long chat, its newest and its oldest."""

from functools import partial

from ..clients import LoadFailed
from ..http_load import get_pages
from ..servers import Server, running
from .common import Bench, Column, Row, Scenario, watching

MESSAGES = 20_000
PAGE = 50
CONNECTIONS = 8


def run(bench: Bench) -> list[Row]:
    """The newest and the deepest page from every server."""
    length = 2_000 if bench.quick else MESSAGES
    readers: dict[str, int] = {}
    paths: dict[str, tuple[str, str]] = {}
    for side, world in bench.worlds.items():
        reader, writer = world.people(2)
        chat = world.chat([reader, writer])
        first, _last = world.fill(chat, [reader, writer], length)
        world.call("analyze")
        newest = f"/api/v1/messages?chat_id={chat}&limit={PAGE}"
        # Ids grow by one here, as nobody else writes: the page below holds the first fifty.
        readers[side], paths[side] = reader, (newest, f"{newest}&before_id={first + PAGE}")
    rows = []
    with running(bench.servers) as servers:
        for index, (name, number) in enumerate((("newest page", length - 1), ("deepest page", 0))):
            for server in servers:
                side = "textbook" if server.is_textbook else "ours"
                path = paths[side][index]
                row = _pages(bench, server, readers[side], path, name, f"message {number} lorem")
                rows.append(bench.report(row))
    return rows


def _pages(bench: Bench, server: Server, reader: int, path: str, name: str, contained: str) -> Row:
    [token] = bench.world(server).tokens([reader])
    ask = partial(
        get_pages,
        server.port,
        path,
        token,
        connections=CONNECTIONS,
        expect=b"lorem ipsum",  # once in every message that the worlds made
        count=PAGE,
    )
    ask(seconds=0.5)
    with watching(server) as used:
        result = ask(seconds=bench.seconds)
    if contained.encode() not in result.body:
        raise LoadFailed(f"{server.title}: the {name} doesn't hold {contained!r}")
    return Row(
        name,
        server.title,
        {
            "pages": result.pages_per_second,
            "p50": result.latency(50),
            "p99": result.latency(99),
            "size": len(result.body) / 1024,
            "server_cpu": 100 * used.server,
            "generator": 100 * result.cpu_share,
            "machine": 100 * used.machine,
        },
    )


SCENARIO = Scenario(
    name="history",
    title="History",
    explanation=(
        f"Pages of {PAGE} messages from a chat of {MESSAGES:,} over REST, on {CONNECTIONS} "
        "kept-alive HTTP/1.1 connections, each with one request in flight. Every answer is "
        f"checked to hold {PAGE} messages, and the page to be the wanted one."
    ),
    columns=(
        Column("pages", "pages/s", 0, "more"),
        Column("p50", "p50 ms", 1, "less"),
        Column("p99", "p99 ms", 1, "less"),
        Column("size", "page KiB", 1),
        Column("server_cpu", "server CPU %"),
        Column("generator", "generator CPU %"),
        Column("machine", "machine busy %"),
    ),
    run=run,
)
