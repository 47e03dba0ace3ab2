"""The process's life: start, serve, drain, stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from functools import partial
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from service.listener import Listener
from service.monitoring.logs import configure_logs
from service.settings import Settings
from service.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from service.inference.health import Health
    from service.workers.member import Member

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s after which load balancers usually drop an idle connection, so that they do it first."""

HANDSHAKE_SECONDS = 0.1
"""A connection that has begun when no further ones are taken has this long to be established."""

BACKLOG_SECONDS = 5.0
"""Then at most this long is taken to accept what is established; a busy event loop accepts but one at each turn."""

EXIT_SECONDS = 2.0
"""When the server has ended, so must the process within this time."""


class DrainingServer(uvicorn.Server):
    """A server that says it is going before it goes.

    SIGTERM: not ready at once, then as before for `drain_seconds`, every answer asking its client to connect anew
    elsewhere, then no new connections, and an end when the last request is answered. SIGINT, or a second signal, skips
    the waiting.

    Args:
        config: uvicorn's.
        health: told that the service drains.
        drain_seconds: how long balancers have to notice.
        listener: where it is connected to.
        member: of the fleet, where there are other workers; the supervisor then speaks for all.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        health: "Health",
        drain_seconds: float,
        listener: Listener,
        member: "Member | None" = None,
    ) -> None:
        super().__init__(config)
        self._health = health
        self._drain_seconds = drain_seconds
        self._listener = listener
        self._member = member
        self._leave_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take SIGTERM or SIGINT."""
        first = not self._health.draining
        self._health.draining = True
        if first and sig == signal.SIGTERM:
            self._leave_at = monotonic() + self._drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Say whether it is time to go."""
        if self._leave_at is not None and monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        if self._member is not None:
            self._member.announce()
        else:
            scheme = "https" if self.config.is_ssl else "http"
            _log.info("running on %s://%s", scheme, self._listener.address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept who has connected, close the listener, finish what is in flight."""
        # The supervisor does so, too, but may come late: whoever connects once the workers have gone is lost with it.
        if self._member is None or self._member.all_leave:
            self._listener.refuse_new()
        await asyncio.sleep(HANDSHAKE_SECONDS)
        latest = monotonic() + BACKLOG_SECONDS
        while self._listener.crowded() and monotonic() < latest and not self.force_exit:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)
        _end_within(EXIT_SECONDS)


def serve(settings: Settings) -> None:
    """Answer requests, in this process or in `settings.workers` others, until told to stop.

    Being told to stop is no failure, so the process then exits with status 0; with 1 if it cannot start.
    """
    _begin(settings)
    try:
        listener = Listener.bind(settings.host, settings.port)
    except OSError as error:
        _log.error("cannot listen on %s port %d: %s", settings.host, settings.port, error.strerror)
        sys.exit(1)
    if settings.workers > 1:
        sys.exit(0 if asyncio.run(Supervisor(settings, listener, work).run()) else 1)
    _answer(settings, listener)


def work(settings: Settings, listener: Listener, channel: socket.socket) -> None:
    """Be one of several workers, which the supervisor starts and stops."""
    # A terminal sends Ctrl-C to its whole group. A worker takes it from the supervisor, once.
    os.setpgrp()
    _begin(settings)
    _answer(settings, listener, channel)


def _begin(settings: Settings) -> None:
    configure_logs(settings.log_level, settings.log_format)
    # uvicorn takes the signals while it serves; before that, and when it raises them again, there is nothing to lose.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


def _answer(settings: Settings, listener: Listener, channel: socket.socket | None = None) -> None:
    # A supervisor does without all this, and is there in less time and half the memory.
    from service.app import create_app  # noqa: PLC0415
    from service.core import make_core  # noqa: PLC0415
    from service.transport import Bounds, bounded  # noqa: PLC0415
    from service.workers.channel import Channel  # noqa: PLC0415
    from service.workers.member import Member  # noqa: PLC0415

    core = make_core(settings)
    member = None
    if channel is not None:
        member = Member(partial(Channel.over, channel), core.metrics.registry, core.health, core.feedback)
    config = uvicorn.Config(
        create_app(core, member),
        http=bounded(Bounds(settings.max_header_bytes, settings.receive_seconds, core.metrics.record_error)),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    # What is there now is there to stay: the collector need not look through it again and again, 50 ms each time.
    gc.collect()
    gc.freeze()
    DrainingServer(config, core.health, settings.drain_seconds, listener, member).run(listener.sockets)
    sys.exit(0)


def _end_within(seconds: float) -> None:
    # Both asyncio and the interpreter join every pool's threads at the end, however long: one in a run that hangs, or
    # in a read from a share that is gone, would keep the process for ever. Nobody waits for what it does any more.
    timer = threading.Timer(seconds, _leave_threads_behind)
    timer.daemon = True
    timer.start()


def _leave_threads_behind() -> None:
    names = sorted(thread.name for thread in threading.enumerate() if not thread.daemon)
    _log.warning("leaving threads behind that do not end", extra={"threads": ", ".join(names)})
    logging.shutdown()
    os._exit(0)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
