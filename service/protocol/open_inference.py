"""`/v2`: the Open Inference Protocol, health and metadata included."""

import json
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service import __version__
from service.core import Core
from service.inference.model import Model
from service.inference.repository import Repository
from service.inference.rows import RowLimits
from service.inputs import CategoricalFeature, DateFeature, ImageInput, Input, TableInput, TextFeature, TextInput
from service.manifest import Manifest, output_shape, outputs_of
from service.protocol.model_handler import ModelHandler, Prepared
from service.protocol.open_inference_schemas import (
    INFER,
    LIVE,
    MODEL_LIST,
    MODEL_METADATA,
    MODEL_READY,
    READY,
    SERVER_METADATA,
)
from service.protocol.prediction_rows import WITH_RESPECT_TO
from service.protocol.tensors import TensorCodec, Tensors
from service.protocol.text_tensors import TEXT_TENSOR

PATHS: Final = ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer")
"""Where tensors are inferred."""

PLATFORM = "onnx_onnxv1"

EXTENSIONS = ("binary_tensor_data",)
"""The protocol's extensions that are always there."""


def prepare_tensors(limits: RowLimits) -> Callable[[Model], Prepared]:
    """Return what makes infer requests' codecs.

    Args:
        limits: what may be in one request.
    """

    def prepare(model: Model) -> Prepared:
        tensors = Tensors(model, limits)
        return lambda scope: TensorCodec(tensors, Headers(scope=scope))

    return prepare


def open_inference_router(core: Core, answer: ModelHandler) -> APIRouter:
    """Return the routes under /v2."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    repository = core.repository

    @router.get("", openapi_extra={"responses": SERVER_METADATA})
    @router.get("/", include_in_schema=False)
    async def server_metadata() -> dict[str, Any]:
        """Name the server and the protocol's extensions it has."""
        extensions = [*EXTENSIONS, *(["model_repository"] if core.settings.repository_keys else [])]
        return {"name": "chainzrule", "version": __version__, "extensions": extensions}

    @router.get("/health/live", openapi_extra={"responses": LIVE})
    async def live() -> Response:
        """Say that the process answers, and that no run has hung."""
        alive = core.health.alive
        return JSONResponse({"live": alive}, status_code=200 if alive else 503)

    # The protocol's text calls the field `live` here too; clients look for `ready`.
    @router.get("/health/ready", openapi_extra={"responses": READY})
    async def ready() -> Response:
        """Say whether requests will be answered, and if not why."""
        obstacles = core.health.obstacles
        state: dict[str, Any] = {"ready": not obstacles, "live": core.health.alive}
        if obstacles:
            state["reason"] = "; ".join(obstacles)
        return JSONResponse(state, status_code=503 if obstacles else 200)

    @router.get("/models", openapi_extra={"responses": MODEL_LIST})
    async def list_models() -> dict[str, Any]:
        """Name the models being served."""
        return {"models": sorted({model.manifest.name for model in repository})}

    @router.get("/models/{name}", openapi_extra={"responses": MODEL_METADATA})
    async def model_metadata(name: str) -> dict[str, Any]:
        """Describe a model: its tensors and what they mean; of the newest version, or the one before a canary."""
        return _metadata(repository, core.canary.described(name))

    @router.get("/models/{name}/versions/{version}", openapi_extra={"responses": MODEL_METADATA})
    async def version_metadata(name: str, version: str) -> dict[str, Any]:
        """Describe one version of a model."""
        return _metadata(repository, repository.get(name, version))

    @router.get("/models/{name}/ready", openapi_extra={"responses": MODEL_READY})
    async def model_ready(name: str) -> dict[str, Any]:
        """Say whether a model is being served."""
        return {"name": repository.get(name).manifest.name, "ready": True}

    @router.get("/models/{name}/versions/{version}/ready", openapi_extra={"responses": MODEL_READY})
    async def version_ready(name: str, version: str) -> dict[str, Any]:
        """Say whether one version of a model is being served."""
        return {"name": repository.get(name, version).manifest.name, "ready": True}

    @router.post("/models/{name}/infer", openapi_extra=INFER)
    async def infer(request: Request, name: str) -> Response:
        """Score rows with a model, its newest version unless one is on trial."""
        return await answer(request.scope, request.receive, name)

    @router.post("/models/{name}/versions/{version}/infer", openapi_extra=INFER)
    async def infer_version(request: Request, name: str, version: str) -> Response:
        """Score rows with one version of a model."""
        return await answer(request.scope, request.receive, name, version)

    return router


def _metadata(repository: Repository, model: Model) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": manifest.name,
        "versions": [str(version) for version in repository.versions(manifest.name)],
        "platform": PLATFORM,
        "inputs": _inputs(manifest.input),
        "outputs": [
            {"name": output.name, "datatype": output.datatype, "shape": [-1, *output_shape(output, manifest)]}
            for output in outputs_of(manifest)
        ],
        "properties": _properties(manifest),
    }


def _inputs(taken: Input) -> list[dict[str, Any]]:
    match taken:
        case TableInput():
            texts = [feature.name for feature in taken.features if isinstance(feature, TextFeature)]
            numbers = {"name": taken.tensor, "datatype": "FP32", "shape": [-1, len(taken.features) - len(texts)]}
            return [numbers, *({"name": name, "datatype": "BYTES", "shape": [-1]} for name in texts)]
        case TextInput():
            return [{"name": TEXT_TENSOR, "datatype": "BYTES", "shape": [-1]}]
        case ImageInput():
            return [{"name": taken.tensor, "datatype": "UINT8", "shape": [-1, *taken.gradient_shape]}]


def _properties(manifest: Manifest) -> dict[str, str]:
    # The protocol has texts here: lists travel in them as JSON.
    properties = {
        "description": manifest.description,
        "task": manifest.task,
    }
    if manifest.regression is None:
        properties["classes"] = json.dumps(manifest.classes)
    else:
        properties["target"] = manifest.regression.target
        if manifest.regression.unit is not None:
            properties["unit"] = manifest.regression.unit
        properties["coverage"] = json.dumps(manifest.regression.coverage)
        properties["tolerance"] = json.dumps(manifest.regression.tolerance)
    match manifest.input:
        case TableInput() as table:
            properties["features"] = json.dumps(table.names)
            categories = {
                feature.name: feature.categories
                for feature in table.features
                if isinstance(feature, CategoricalFeature)
            }
            if categories:
                properties["categories"] = json.dumps(categories)
            if dates := [feature.name for feature in table.features if isinstance(feature, DateFeature)]:
                properties["days_since_1970"] = json.dumps(dates)
            if table.text is not None:
                properties["text"] = table.text.name
        case TextInput() | ImageInput() as other:
            properties["with_respect_to"] = WITH_RESPECT_TO[other.kind]
    return properties
