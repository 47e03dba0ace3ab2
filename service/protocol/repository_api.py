"""`/v2/repository`: the model repository extension of the Open Inference Protocol."""

import asyncio
from typing import TypeVar

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.core import Core
from service.errors import ForbiddenError, MalformedRequestError, shown
from service.protocol.body import read_body
from service.protocol.open_inference_schemas import REPOSITORY_CHANGE, REPOSITORY_INDEX


class IndexRequest(msgspec.Struct):
    """The body of an index request."""

    ready: bool = False
    """only versions being served"""


class LoadRequest(msgspec.Struct):
    """The body of a load or unload request."""

    parameters: dict[str, str | float | bool | None] = {}


_Body = TypeVar("_Body", IndexRequest, LoadRequest)


def repository_router(core: Core) -> APIRouter:
    """Return the routes under /v2/repository."""
    router = APIRouter(prefix="/v2/repository", tags=["model repository"])
    settings = core.settings

    async def read(request: Request, kind: type[_Body]) -> _Body:
        body = await read_body(request.scope, request.receive, settings.max_body_bytes, settings.receive_seconds)
        try:
            return msgspec.json.decode(body or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequestError(f"the body is not what the repository extension has here: {error}") from None

    async def change(request: Request, name: str, *, load: bool) -> Response:
        asked = await read(request, LoadRequest)
        if foreign := sorted(asked.parameters.keys() - {"unload_dependents"}):
            names = shown(", ".join(foreign))
            raise ForbiddenError(
                f"the parameters {names} are not taken: a model comes from the repository folder alone"
            )
        act = core.repository.load if load else core.repository.unload
        try:
            await asyncio.to_thread(act, name)
        finally:
            core.declare_models()
        return Response()

    @router.post("/index", openapi_extra=REPOSITORY_INDEX)
    async def index(request: Request) -> list[dict[str, str]]:
        """List every version in the repository, with what keeps it from being served."""
        only_ready = (await read(request, IndexRequest)).ready
        return [
            {"name": found.name, "version": str(found.version), "state": found.state, "reason": found.reason}
            for found in core.repository.index()
            if found.state == "READY" or not only_ready
        ]

    @router.post("/models/{name}/load", response_class=Response, openapi_extra=REPOSITORY_CHANGE)
    async def load_model(request: Request, name: str) -> Response:
        """Load every version of a model anew; what was being served stays until its successor is ready."""
        return await change(request, name, load=True)

    @router.post("/models/{name}/unload", response_class=Response, openapi_extra=REPOSITORY_CHANGE)
    async def unload_model(request: Request, name: str) -> Response:
        """Stop serving a model once the requests under way are finished."""
        return await change(request, name, load=False)

    return router
