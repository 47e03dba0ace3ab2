"""The process's life: start, serve, drain, stop."""

import logging
import signal
import sys
from time import monotonic
from types import FrameType

import uvicorn

from service.app import create_app
from service.core import make_core
from service.inference.health import Health
from service.monitoring.logs import configure_logs
from service.settings import Settings
from service.transport import Bounds, bounded

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s after which load balancers usually drop an idle connection, so that they do it first."""


class DrainingServer(uvicorn.Server):
    """A server that says it is going before it goes.

    SIGTERM: not ready at once, then as before for `drain_seconds`, every answer asking its client to connect anew
    elsewhere, then no new connections, and an end when the last request is answered. SIGINT, or a second signal, skips
    the waiting.

    Args:
        config: uvicorn's.
        health: told that the service drains.
        drain_seconds: how long balancers have to notice.
    """

    def __init__(self, config: uvicorn.Config, health: Health, drain_seconds: float) -> None:
        super().__init__(config)
        self._health = health
        self._drain_seconds = drain_seconds
        self._leave_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take SIGTERM or SIGINT."""
        if self._leave_at is None and sig == signal.SIGTERM:
            self._health.draining = True
            self._leave_at = monotonic() + self._drain_seconds
        else:
            self._health.draining = True
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Say whether it is time to go."""
        if self._leave_at is not None and monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(settings: Settings) -> None:
    """Load every model, then answer requests until told to stop; requests in flight are finished first.

    Being told to stop is no failure, so the process then exits with status 0.
    """
    configure_logs(settings.log_level, settings.log_format)
    # uvicorn takes the signals while it serves; before that, and when it raises them again, there is nothing to lose.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    core = make_core(settings)
    config = uvicorn.Config(
        create_app(core),
        host=settings.host,
        port=settings.port,
        http=bounded(Bounds(settings.max_header_bytes, settings.receive_seconds, core.metrics.record_error)),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    DrainingServer(config, core.health, settings.drain_seconds).run()
    sys.exit(0)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
