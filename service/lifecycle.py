"""The process's life: start, serve, drain, stop."""

import logging
import signal
import sys
from types import FrameType

import uvicorn

from service.app import create_app
from service.inference.repository import Repository
from service.monitoring.logs import configure_logs
from service.monitoring.metrics import Metrics
from service.settings import Settings

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s after which load balancers usually drop an idle connection, so that they do it first."""

DRAIN_SECONDS = 30
"""On SIGTERM requests in flight have this long to finish."""


def serve(settings: Settings) -> None:
    """Load every model, then answer requests until SIGTERM or SIGINT; requests in flight are finished first.

    Being told to stop is no failure, so the process then exits with status 0.
    """
    configure_logs(settings.log_level)
    # uvicorn takes the signals while it serves, and raises them again when it has drained.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    repository = Repository(settings.repository, threads=settings.threads)
    repository.load()
    if not repository.ready:
        _log.warning("no model can be served: the service stays not ready", extra={"repository": settings.repository})
    metrics = Metrics()
    metrics.declare_models(repository)
    app = create_app(repository, metrics, settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    server.run()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
