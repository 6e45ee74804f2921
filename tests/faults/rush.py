"""
`python -m tests.faults.rush`: very many sockets in a short time, as when everybody comes back at
once. What to do is read from the standard input, what came of it written to the standard output,
both JSON. A process of its own, so that whoever starts it can measure other things meanwhile.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

PATIENCE = 10.0
CLOSE = 8


@dataclass
class Rush:
    """
    To each of `ports` in turn, `rate` connections a second for `seconds`; with each of `tokens` in
    turn, from so many addresses of the loopback. Who is let in stays until the end.
    """

    ports: list[int]
    tokens: list[str]
    rate: float
    seconds: float
    addresses: int = 50
    outcomes: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def run(self) -> dict[str, object]:
        """How often what came of it, seconds that it took to be let in, connections a second."""
        began, cpu = time.monotonic(), time.process_time()
        tasks = []
        count = round(self.rate * self.seconds)
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
            tasks.append(asyncio.create_task(self._come(number)))
        begun = time.monotonic() - began
        await asyncio.gather(*tasks)
        for writer in self.open:
            writer.transport.abort()
        return {
            "outcomes": self.outcomes,
            "took": sorted(self.took),
            "rate": count / begun,
            "cpu": (time.process_time() - cpu) / (time.monotonic() - began),
        }

    async def _come(self, number: int) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                what = await self._meet(number)
        except TimeoutError:
            what = "no answer"
        except (OSError, EOFError) as error:
            what = type(error).__name__
        self.outcomes[what] += 1
        if what == "let in":
            self.took.append(time.monotonic() - began)

    async def _meet(self, number: int) -> str:
        host = f"127.0.1.{1 + number % self.addresses}"
        port = self.ports[number % len(self.ports)]
        token = self.tokens[number % len(self.tokens)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
        self.open.append(writer)
        writer.write(
            f"GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
        if status != 101:
            return str(status)
        # Only an answer says that the token was good. The mask is zero.
        said = b'{"event":"ping","request_id":1}'
        writer.write(bytes((0x81, 0x80 | len(said))) + bytes(4) + said)
        while True:
            opcode, payload = await self._frame(reader)
            if opcode == CLOSE:
                return str(int.from_bytes(payload[:2]))
            if opcode == 1 and b'"request_id":1' in payload:
                return "let in"

    async def _frame(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await reader.readexactly(8))
        return first & 0x0F, await reader.readexactly(size)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Rush(**json.load(sys.stdin)).run())))
