"""A load balancer's connections to one service: kept open, opened anew only while the service says it is ready."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

BODY = json.dumps({"instances": [[20, 5, 1000, 0]]}).encode()


def post(verb: str, body: bytes) -> bytes:
    head = f"POST /v1/models/plant:{verb} HTTP/1.1\r\nhost: plant\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


PREDICT = post("predict", BODY)
READY = b"GET /v2/health/ready HTTP/1.1\r\nhost: plant\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nhost: plant\r\n\r\n"


class Answer(NamedTuple):
    status: int
    closes: bool
    content: str


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.port: int = writer.get_extra_info("sockname")[1]

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()

    async def answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        content = (await self._reader.readexactly(length)).decode()
        return Answer(int(head.split()[1]), "connection: close" in head, content)

    async def ask(self, request: bytes = PREDICT) -> Answer:
        await self.send(request)
        return await self.answer()

    async def ended(self) -> bool:
        """Whether the service hung up, which ends what else could be read."""
        return await self._reader.read() == b""

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


@asynccontextmanager
async def connecting(port: int) -> AsyncIterator[Callable[[], Awaitable[Connection]]]:
    """Give what opens connections, and close them in the end."""
    opened = []

    async def connect() -> Connection:
        opened.append(await Connection.open(port))
        return opened[-1]

    try:
        yield connect
    finally:
        for connection in opened:
            await connection.close()


class Balancer:
    """Counts what its clients meet. A refused connection is no failed request: nothing was sent."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ready = True
        self.turned_red = False
        """Whether the service itself said that it is not ready."""
        self.answered = 0
        self.refused = 0
        self.failures: dict[int, list[str]] = {}
        """Requests without an answer, or with another than 200, by the port of the connection."""
        self.stopped = False

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[None]:
        """Follow the service's readiness, on a new connection each time."""

        async def probe() -> None:
            while True:
                try:
                    async with connecting(self.port) as connect:
                        answer = await (await connect()).ask(READY)
                    self.ready = answer.status == 200
                    self.turned_red |= answer.status == 503
                except (OSError, asyncio.IncompleteReadError):
                    self.ready = False
                await asyncio.sleep(0.1)

        probing = asyncio.create_task(probe())
        yield
        probing.cancel()
        with suppress(asyncio.CancelledError):
            await probing

    async def pooled(self, pause: float) -> None:
        """Ask over one connection after another, each for as long as the service keeps it."""
        while self.ready and not self.stopped:
            try:
                connection = await Connection.open(self.port)
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.1)
                continue
            closes = False
            while not closes and not self.stopped:
                await asyncio.sleep(random.uniform(0, pause))
                closes = await self._ask(connection)
            await connection.close()

    async def unpooled(self) -> None:
        """Ask each time over a new connection, heedless of readiness, until none can be had."""
        while not self.refused:
            try:
                connection = await Connection.open(self.port)
            except OSError:
                self.refused += 1
                return
            await self._ask(connection)
            await connection.close()

    async def _ask(self, connection: Connection) -> bool:
        """Return whether the connection has ended."""
        try:
            answer = await connection.ask()
        except (OSError, asyncio.IncompleteReadError) as error:
            self.failures.setdefault(connection.port, []).append(repr(error))
            return True
        self.answered += 1
        if answer.status != 200:
            self.failures.setdefault(connection.port, []).append(answer.content)
        return answer.closes
