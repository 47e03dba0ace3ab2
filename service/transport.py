"""uvicorn's HTTP/1.1 with what it lacks: bounds on a request's head, in bytes and seconds, and a careful ending."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, ClassVar, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.descriptors import readable
from service.errors import HeadTooLargeError, MalformedRequestError, ServiceError, TooSlowError
from service.protocol.body import BODY_IS_HERE
from service.protocol.error_responses import error_response

IDLE_SECONDS = 0.5
"""When the service stops, a connection without a request has this long to bring one that is on its way."""

_LINGER_SECONDS = 1.0
"""After a refusal the client may go on sending for so long; a connection closed at once would be reset, and the refusal
lost with it."""

_FRAMING_PER_BYTE = 8
"""Bytes that may frame each byte of a body: a chunk of one byte takes five."""


_MOST_PIPELINED = 256
"""Requests that one connection may send ahead of their answers."""


class _At(Enum):
    """What the next byte belongs to."""

    NOTHING = auto()
    """before, between and after requests"""
    HEAD = auto()
    BODY = auto()


class Bounds(NamedTuple):
    """What a client may take of a connection."""

    max_header_bytes: int
    receive_seconds: float
    refused: Callable[[ServiceError], None]
    """told of every refusal"""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that is too large gets 431, one that is not whole in time 408; the connection then ends.

    It also ends, without a word, when nothing is asked in time after it was opened, when a body that no answer waited
    for does not end in time, or when an answer waits to be sent and the client reads nothing of it for that long.
    Refusals never cut into an answer under way: they wait for its end.

    What a body has beside its content, trailer fields and extensions of chunks, is bounded as a head is, and dropped.

    uvicorn makes the instances, so the bounds stand on a subclass, see `bounded`.
    """

    bounds: ClassVar[Bounds]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._at = _At.NOTHING
        self._head_bytes = 0
        """of a head, and then of the trailer fields after its body"""
        self._framing_bytes = 0
        """of a body, less what its content takes"""
        self._piece_bytes = 0
        """of what came last"""
        self._mixed = False
        """Whether a head began or ended within what came last, beside something else."""
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: ServiceError | None = None
        self._answering: Any = None
        """uvicorn's cycle that runs; `cycle` is the last one asked for"""
        self._unread_bytes = 0
        """What waited to be sent when the client last was seen to read, or was given more."""
        self._unread_since = 0.0
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock: a client that connects is to ask for something."""
        super().connection_made(transport)
        self._start_timer(self.bounds.receive_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_timer()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        if self._answering is not None:
            # uvicorn tells only the last; one that waits for the client to read would write to what is closed.
            self._answering.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it makes the head too large."""
        if self._refusal is not None:
            return
        between, self._mixed, self._piece_bytes = self._at is not _At.BODY, False, len(data)
        super().data_received(data)
        if between and not self._mixed:
            self._start_timer(self.bounds.receive_seconds)  # a request that comes whole needs none
        if self._at is _At.HEAD and self._refusal is None:
            self._start_timer(self.bounds.receive_seconds)
            # Beside its beginning there may stand the end of another request: that piece is counted when it is whole.
            self._head_bytes += 0 if self._mixed else len(data)
            if self._head_bytes > self.bounds.max_header_bytes:
                self._refuse(self._too_large())
        elif self._at is _At.BODY and self._refusal is None:
            # A field or an extension without an end shows nowhere else.
            self._framing_bytes += 0 if self._mixed else len(data)
            if self._framing_bytes > self.bounds.max_header_bytes:
                self._refuse(self._too_large("trailer fields and chunk extensions"))

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        if self._refusal is None:
            super().on_message_begin()
            self._at, self._head_bytes, self._mixed = _At.HEAD, 0, True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of a head; one that comes after the body is dropped: uvicorn would add it to the head's."""
        if self._at is not _At.BODY:
            super().on_header(name, value)
        elif self._refusal is None:
            self._head_bytes += len(name) + len(value) + 4
            if self._head_bytes > self.bounds.max_header_bytes:
                self._refuse(self._too_large("trailer fields"))

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is too large or its body could not be read."""
        if self._refusal is not None:
            return
        self._stop_timer()
        most = self.bounds.max_header_bytes
        if (
            self._head_bytes + self._piece_bytes > most
            and len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > most
        ):
            self._refuse(self._too_large())
        elif self.parser.should_upgrade() and any(
            name in {b"content-length", b"transfer-encoding"} for name, _ in self.headers
        ):
            # The parser takes what follows such a head for another protocol, not for a body.
            self._refuse(MalformedRequestError("a body cannot come with an upgrade: send it as plain HTTP/1.1"))
        elif len(self.pipeline) >= _MOST_PIPELINED:
            self._refuse(MalformedRequestError("too many requests were sent ahead of their answers: wait for some"))
        else:
            self._at, self._head_bytes, self._framing_bytes, self._mixed = _At.BODY, 0, 0, True
            idle = self._is_idle
            super().on_headers_complete()
            self._answering = self.cycle if idle else self._answering

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._refusal is None:
            self._framing_bytes -= (1 + _FRAMING_PER_BYTE) * len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that what comes next is a head."""
        if self._refusal is None:
            super().on_message_complete()
            self.scope[BODY_IS_HERE] = True  # type: ignore[typeddict-unknown-key]  # a key of our own
            self._stop_timer()
            self._at = _At.NOTHING

    def on_response_complete(self) -> None:
        """Say what had to wait for the answer's end; give a body that was not needed a time to end."""
        if self.pipeline:
            self._answering = self.pipeline[-1][0]
        super().on_response_complete()
        self._await_reading()
        if self.transport.is_closing() or not self._is_idle:
            return
        if self._refusal is not None:
            self._say(self._refusal)
        elif self._at is _At.BODY:
            self._start_timer(self.bounds.receive_seconds)

    def pause_writing(self) -> None:
        """Have the answer under way wait until the client reads; it may never."""
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        super().resume_writing()
        self._await_reading()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        """Refuse what is not HTTP, in the service's own words."""
        if self._refusal is None:
            self._refuse(MalformedRequestError("this is not a request of HTTP/1.1"))

    def shutdown(self) -> None:
        """Close when idle; a request being answered or on its way is answered first.

        uvicorn closes at once where no answer is due, also amid a head and in the face of a request not yet read.
        """
        if self._is_idle:
            self.loop.call_later(IDLE_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_timer(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._is_late)

    def _close_if_idle(self) -> None:
        if self.transport.is_closing():
            return
        if not self._is_idle:
            super().shutdown()
        elif self._at is _At.HEAD or readable([self.transport.get_extra_info("socket").fileno()]):
            # What is there is read first. That ends: the head is late some time, and its answer closes the connection.
            self.loop.call_later(IDLE_SECONDS / 10, self._close_if_idle)
        else:
            self._close()

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
        # It closes when everything is sent, which may be never.
        if self._unread_timer is None:
            self._await_reading()

    def _await_reading(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        if not self._unread_bytes:
            return
        self._unread_since = self.loop.time()
        # A timer that runs is not put off with every answer, which would cost more: when it is due, it finds out.
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self.bounds.receive_seconds, self._is_unread)

    def _is_unread(self) -> None:
        self._unread_timer = None
        left = self.transport.get_write_buffer_size()
        if left < self._unread_bytes:
            self._await_reading()
        elif left and (seconds := self._unread_since + self.bounds.receive_seconds - self.loop.time()) > 0:
            self._unread_timer = self.loop.call_later(seconds, self._is_unread)
        elif left:
            self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self) -> None:
        self._timer = None
        if self._refusal is not None:
            self._close()
        elif not self._is_idle:
            # While an answer is under way uvicorn may have stopped reading what comes after it.
            self._start_timer(self.bounds.receive_seconds)
        elif self._at is _At.HEAD:
            self._refuse(
                TooSlowError(
                    f"no request came whole within {self.bounds.receive_seconds:g} s, the limit of receive_seconds"
                )
            )
        else:
            self._close()

    def _too_large(self, what: str = "request line and headers") -> ServiceError:
        return HeadTooLargeError(
            f"the {what} are over the limit of {self.bounds.max_header_bytes} bytes: "
            "send fewer or shorter ones, or raise max_header_bytes"
        )

    def _refuse(self, error: ServiceError) -> None:
        self._stop_timer()
        self._refusal = error
        self.bounds.refused(error)
        if self._is_idle:
            self._say(error)
        elif self._at is _At.BODY:
            # What is being answered is itself at fault.
            if self.cycle.response_started or self.pipeline:
                self._close()
            else:
                self._say(error)
                self.cycle.disconnected = True
                self.cycle.message_event.set()

    def _say(self, error: ServiceError) -> None:
        answer = error_response(getattr(self, "url", b"").decode("latin-1"), error, {"connection": "close"})
        headers = b"".join(
            b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *answer.raw_headers)
        )
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[answer.status_code], headers, bytes(answer.body)))
        self._await_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._start_timer(_LINGER_SECONDS)
        else:
            self._close()


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """Return the protocol with these bounds."""
    return type("BoundedProtocol", (BoundedProtocol,), {"bounds": bounds})
