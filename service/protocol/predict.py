"""`/v1`: the friendly protocol, in the shape of KServe's V1."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.inference.model import Model
from service.inference.repository import Repository
from service.inference.rows import RowLimits
from service.protocol.documentation import MODEL_NAMES, MODEL_STATE, PREDICT
from service.protocol.model_handler import ModelHandler, Prepared
from service.protocol.predict_codec import PredictCodec
from service.protocol.predictions import PredictionWriter
from service.protocol.readers import reader_for

PATHS: Final = ("/v1/models/{name}:predict", "/v1/models/{name}/versions/{version}:predict")
"""Where predictions are asked for."""


def prepare_predictions(limits: RowLimits) -> Callable[[Model], Prepared]:
    """Return what makes predict requests' codecs.

    Args:
        limits: what may be in one request.
    """

    def prepare(model: Model) -> Prepared:
        reader, writer = reader_for(model, limits), PredictionWriter(model.manifest)
        return lambda _scope: PredictCodec(reader, writer)

    return prepare


def predict_router(repository: Repository, answer: ModelHandler) -> APIRouter:
    """Return the routes under /v1.

    Args:
        repository: the models.
        answer: answers predictions.
    """
    router = APIRouter(prefix="/v1/models", tags=["predict"])

    @router.get("", openapi_extra={"responses": MODEL_NAMES})
    async def list_models() -> dict[str, list[str]]:
        """Name the models being served."""
        return {"models": sorted({model.manifest.name for model in repository})}

    @router.post("/{name}:predict", openapi_extra=PREDICT)
    async def predict(request: Request, name: str) -> Response:
        """Predict with a model, its newest version unless one is on trial; each prediction has its reliability."""
        return await answer(request.scope, request.receive, name)

    @router.post("/{name}/versions/{version}:predict", openapi_extra=PREDICT)
    async def predict_version(request: Request, name: str, version: str) -> Response:
        """Predict with one version of a model."""
        return await answer(request.scope, request.receive, name, version)

    # After the others, whose paths it would take for a name: what they allow would then be unknown.
    @router.get("/{name}", openapi_extra={"responses": MODEL_STATE})
    async def describe_model(name: str) -> dict[str, str | bool]:
        """Say whether a model is being served."""
        if name.endswith((":predict", ":feedback")):
            raise HTTPException(405, headers={"Allow": "POST"})
        return {"name": repository.get(name).manifest.name, "ready": True}

    return router
