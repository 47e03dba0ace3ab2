"""The application: the core behind its routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from service import __version__
from service.core import Core, follow_repository
from service.monitoring.middleware import RequestFrame
from service.protocol import documentation
from service.protocol.authentication import Authentication, Keys
from service.protocol.direct import DirectRoutes
from service.protocol.error_responses import ErrorAnswers, Failures
from service.protocol.exchange import PREDICTION_ID_HEADER, BodyLimits, Exchange
from service.protocol.feedback import feedback_router
from service.protocol.model_handler import ModelHandler, find_by_canary
from service.protocol.open_inference import PATHS as INFER_PATHS
from service.protocol.open_inference import open_inference_router, prepare_tensors
from service.protocol.page import page_router
from service.protocol.predict import PATHS as PREDICT_PATHS
from service.protocol.predict import predict_router, prepare_predictions
from service.protocol.recent import recent_router
from service.protocol.repository_api import repository_router
from service.workers.member import Member


def create_app(core: Core, member: Member | None = None) -> ASGIApp:
    """Return the application that serves `core`, as a member of a fleet if there are other workers."""
    settings = core.settings
    at_the_end: list[Callable[[], None]] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if member is not None:
            await member.join()
        following = asyncio.create_task(follow_repository(core)) if settings.repository_mode == "poll" else None
        yield
        if following is not None:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        core.engine.close()
        core.decoders.close()
        if member is not None:
            await member.leave()
        for end in at_the_end:
            await asyncio.to_thread(end)

    app = FastAPIOffline(
        title="ChainzRule",
        version=__version__,
        description="Predictions, and how far to trust each of them.",
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # FastAPI can export traces, metrics and errors by itself: what leaves this process is for the settings to say.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    exchange = Exchange(
        core.engine,
        core.decoders,
        core.loop_time,
        core.metrics,
        core.recent,
        core.feedback,
        BodyLimits(settings.max_body_bytes, settings.receive_seconds),
        server_timing=settings.server_timing,
    )
    # Before the others, one of which would take its paths for names.
    app.include_router(feedback_router(core, core.feedback.judge if member is None else member.judge))
    find = find_by_canary(core.canary) if settings.canary else core.repository.get
    predict = ModelHandler(find, exchange, prepare_predictions(core.row_limits))
    infer = ModelHandler(find, exchange, prepare_tensors(core.row_limits))
    app.include_router(predict_router(core.repository, predict))
    app.include_router(recent_router(core.recent, settings.workers))
    app.include_router(open_inference_router(core, infer))
    if settings.repository_keys:
        app.include_router(repository_router(core))

    @app.get("/metrics", tags=["operation"], response_class=Response)
    async def exposition() -> Response:
        """Return every metric, of all workers together, in Prometheus's text format."""
        text = core.metrics.exposition() if member is None else await member.exposition()
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    app.include_router(page_router())
    answers = ErrorAnswers(core.metrics)
    answers.install(app)
    documentation.install(app, core.repository, keys=bool(settings.client_keys))
    core.metrics.declare_routes(documentation.operations(app))
    app.add_middleware(Failures, answers=answers)  # within FastAPI's own layer, which would answer in its own way
    # FastAPI would put layers of its own around these, which each prediction would pay for.
    direct = dict.fromkeys(PREDICT_PATHS, predict) | dict.fromkeys(INFER_PATHS, infer)
    stack: ASGIApp = DirectRoutes(app, direct, answers)
    stack = Authentication(
        stack,
        keys=Keys(settings.client_keys),
        admin_keys=Keys(settings.repository_keys),
        answers=answers,
        public_health=settings.public_health,
        public_metrics=settings.public_metrics,
    )
    stack = Failures(stack, answers)
    if settings.cors_origins:
        stack = CORSMiddleware(
            stack,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["x-request-id", PREDICTION_ID_HEADER, "retry-after", "inference-header-content-length"],
        )
    if settings.traces:
        # Not imported for nothing, and not there without the extra.
        from service.monitoring.traces import RequestTraces, make_provider  # noqa: PLC0415

        provider = make_provider()
        at_the_end.append(provider.shutdown)
        stack = RequestTraces(stack, provider)
    return RequestFrame(stack, core.metrics, draining=lambda: core.health.draining)
