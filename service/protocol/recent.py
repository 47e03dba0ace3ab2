"""`/v1/recent`: the signals of the last rows that were unlike what their model was trained on."""

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.monitoring.recent import SIGNALS, RecentRows
from service.protocol.openapi_parts import json_answer, json_object

_TEXT = {"type": "string"}
_RECENT = json_answer(
    json_object(
        {
            "workers": {
                "type": "integer",
                "minimum": 1,
                "description": "processes that answer requests; the rows are those of the one that answered this",
            },
            "rows": {
                "type": "array",
                "description": "newest first; a request's in the order of rising typicality",
                "items": json_object(
                    {
                        "time": {**_TEXT, "format": "date-time"},
                        "request_id": {"type": ["string", "null"], "description": "the answer's x-request-id"},
                        "row": {"type": "integer", "minimum": 0, "description": "its place in the request"},
                        **dict.fromkeys(("model", "version"), _TEXT),
                        "label": {"type": ["string", "null"], "description": "null of a regression"},
                        "value": {"type": ["number", "null"], "description": "of a regression; null of others"},
                        **{name: {"type": "number"} for name in SIGNALS},
                        "boundary_distance": {"type": ["number", "null"], "description": "null of a regression"},
                    }
                ),
            },
        }
    ),
    "the last rows that counted as out of distribution",
)


def recent_router(recent: RecentRows, workers: int) -> APIRouter:
    """Return the route.

    Args:
        recent: the rows of this process.
        workers: processes that there are.
    """
    router = APIRouter(tags=["operation"])

    @router.get("/v1/recent", response_class=Response, openapi_extra={"responses": _RECENT})
    async def recent_rows() -> Response:
        """List the signals of recent rows that were out of distribution: a few of each request, and no feature."""
        content = {"workers": workers, "rows": list(recent)}
        return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    return router
