"""The application: the core behind its routes."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from service import __version__
from service.inference.engine import Engine
from service.inference.repository import Repository
from service.monitoring.metrics import Metrics
from service.monitoring.middleware import RequestMetrics
from service.protocol import documentation, error_responses
from service.protocol.exchange import Exchange
from service.protocol.open_inference import open_inference_router
from service.protocol.predict import predict_router
from service.settings import Settings


def create_app(repository: Repository, metrics: Metrics, settings: Settings) -> FastAPI:
    """Return the application that serves `repository`."""
    app = FastAPIOffline(
        title="ChainzRule",
        version=__version__,
        description="Predictions, and how far to trust each of them.",
        redoc_url=None,
        redirect_slashes=False,
    )
    exchange = Exchange(Engine(), metrics, settings.max_body_bytes)
    app.include_router(predict_router(repository, exchange, settings.max_rows))
    app.include_router(open_inference_router(repository, exchange, settings.max_rows))

    @app.get("/metrics", tags=["operation"], response_class=Response)
    async def exposition() -> Response:
        """Return every metric in Prometheus's text format."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    error_responses.install(app)
    documentation.install(app, repository)
    app.add_middleware(RequestMetrics, metrics=metrics)
    return app
