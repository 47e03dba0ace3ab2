"""uvicorn's HTTP/1.1 with bounds that it lacks: on a request's head, in bytes and in seconds."""

import asyncio
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that is too large gets 431, one that is not whole in time 408; the connection then ends.

    uvicorn makes the instances, so the bounds stand on a subclass, see `bounded`.
    """

    max_header_bytes: ClassVar[int] = 32 * 2**10
    receive_seconds: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock: a client that connects is to ask for something."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.receive_seconds, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it makes the head too large."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self.receive_seconds, self._head_is_late)
        super().data_received(data)
        # What came may have ended the head and brought a large body: only a head still open is judged.
        if self._in_head and self._head_bytes > self.max_header_bytes and not self.transport.is_closing():
            self._refuse(
                b"431 Request Header Fields Too Large",
                f"the request line and headers are over the limit of {self.max_header_bytes} bytes",
            )

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Note that the head is whole."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that what comes next is a head."""
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._refuse(b"408 Request Timeout", f"no request came whole within {self.receive_seconds:g} s")

    def _refuse(self, status: bytes, message: str) -> None:
        content = orjson.dumps({"error": message})
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, len(content)) + content)
        self.transport.close()


def bounded(max_header_bytes: int, receive_seconds: float) -> type[BoundedProtocol]:
    """Return the protocol with these bounds."""
    bounds = {"max_header_bytes": max_header_bytes, "receive_seconds": receive_seconds}
    return type("BoundedProtocol", (BoundedProtocol,), bounds)
