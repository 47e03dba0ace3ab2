"""uvicorn's HTTP/1.1 with what it lacks: bounds on a request's head, in bytes and seconds, and a careful ending."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, ClassVar, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.descriptors import readable
from service.errors import HeadTooLargeError, MalformedRequestError, ServiceError, TooSlowError
from service.protocol.error_responses import error_response

IDLE_SECONDS = 0.5
"""When the service stops, a connection without a request has this long to bring one that is on its way."""

_LINGER_SECONDS = 1.0
"""After a refusal the client may go on sending for so long; a connection closed at once would be reset, and the refusal
lost with it."""


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

    It also ends, without a word, when nothing is asked in time after it was opened, or when a body that no answer
    waited for does not end in time. Refusals never cut into an answer under way: they wait for its end.

    uvicorn makes the instances, so the bounds stand on a subclass, see `bounded`.
    """

    bounds: ClassVar[Bounds]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._at = _At.NOTHING
        self._head_bytes = 0
        self._begun = False
        """Whether a head began within what came last, after something else."""
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: ServiceError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock: a client that connects is to ask for something."""
        super().connection_made(transport)
        self._start_timer(self.bounds.receive_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it makes the head too large."""
        if self._refusal is not None:
            return
        if self._at is not _At.BODY:
            self._start_timer(self.bounds.receive_seconds)
        self._begun = False
        super().data_received(data)
        if self._at is _At.HEAD and self._refusal is None:
            self._start_timer(self.bounds.receive_seconds)
            # Beside its beginning there may stand the end of another request: that piece is counted when it is whole.
            self._head_bytes += 0 if self._begun else len(data)
            if self._head_bytes > self.bounds.max_header_bytes:
                self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        if self._refusal is None:
            super().on_message_begin()
            self._at, self._head_bytes, self._begun = _At.HEAD, 0, True

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is too large or its body could not be read."""
        if self._refusal is not None:
            return
        self._stop_timer()
        names = {name for name, _ in self.headers}
        if (
            len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            > self.bounds.max_header_bytes
        ):
            self._refuse(self._too_large())
        elif self.parser.should_upgrade() and names & {b"content-length", b"transfer-encoding"}:
            # The parser takes what follows such a head for another protocol, not for a body.
            self._refuse(MalformedRequestError("a body cannot come with an upgrade: send it as plain HTTP/1.1"))
        else:
            self._at = _At.BODY
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._refusal is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that what comes next is a head."""
        if self._refusal is None:
            super().on_message_complete()
            self._stop_timer()
            self._at = _At.NOTHING

    def on_response_complete(self) -> None:
        """Say what had to wait for the answer's end; give a body that was not needed a time to end."""
        super().on_response_complete()
        if self.transport.is_closing() or not self._is_idle:
            return
        if self._refusal is not None:
            self._say(self._refusal)
        elif self._at is _At.BODY:
            self._start_timer(self.bounds.receive_seconds)

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
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self) -> None:
        self._timer = None
        if self._refusal is not None:
            self.transport.close()
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
            self.transport.close()

    def _too_large(self) -> ServiceError:
        return HeadTooLargeError(
            f"the request line and headers are over the limit of {self.bounds.max_header_bytes} bytes: "
            "send fewer or shorter headers, or raise max_header_bytes"
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
                self.transport.close()
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
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._start_timer(_LINGER_SECONDS)
        else:
            self.transport.close()


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """Return the protocol with these bounds."""
    return type("BoundedProtocol", (BoundedProtocol,), {"bounds": bounds})
