"""A TCP proxy of our own: connections can be cut, or go silent without being closed."""

import asyncio
import contextlib
import random
import struct
from socket import SO_LINGER, SOL_SOCKET


class Line:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.open = asyncio.Event()
        self.open.set()

    def cut(self) -> None:
        """Reset both ends: neither hears a goodbye."""
        self.open.set()
        for end in (self.client, self.server):
            found = end.get_extra_info("socket")
            if found is not None:
                with contextlib.suppress(OSError):
                    found.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class Proxy:
    """In front of one server; runs in the event loop of whoever starts it."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.lines: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what goes wrong ----------------------------------------------------------------------

    def cut(self, share: float = 1.0) -> int:
        """Reset this share of the connections; how many."""
        chosen = self._some(share)
        for line in chosen:
            line.cut()
        return len(chosen)

    def black_hole(self, share: float = 1.0) -> int:
        """
        This share of the connections goes silent: what is sent is swallowed by nobody, and nobody
        is told. How many.
        """
        chosen = self._some(share)
        for line in chosen:
            line.open.clear()
        return len(chosen)

    def restore(self) -> None:
        """Silent connections go on where they stopped."""
        for line in self.lines:
            line.open.set()

    def _some(self, share: float) -> list[Line]:
        return random.sample(list(self.lines), round(len(self.lines) * share))

    # --- the way through ----------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            try:
                answers, server = await asyncio.open_connection("127.0.0.1", self.target)
            except OSError:
                client.transport.abort()
                return
            line = Line(client, server)
            self.lines.add(line)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(line, reader, server))
                    group.create_task(self._copy(line, answers, client))
            except* (OSError, EOFError):
                pass
            finally:
                self.lines.discard(line)
                for end in (client, server):
                    end.close()
        finally:
            self._tasks.discard(task)

    async def _copy(
        self, line: Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(65536):
            await line.open.wait()
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()
