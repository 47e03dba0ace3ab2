"""`/`: a page that shows the metrics, for who has nothing but a browser."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

_FOLDER: Final = Path(__file__).parents[1] / "web"
_MEDIA_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_FILES: Final = {
    "/" if file.name == "index.html" else f"/web/{file.name}": file
    for file in sorted(_FOLDER.iterdir())
    if file.suffix in _MEDIA_TYPES
}

PAGE_PATHS: Final = frozenset(_FILES)
"""Where the page and its parts are. They hold no data: what they show they ask for, with a key where one is needed."""

_HEADERS: Final = {
    # Kept by the browser and asked for anew each time, so that a page never outlives its service's release.
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page_router() -> APIRouter:
    """Return the routes of the page, whose files are read now."""
    router = APIRouter(include_in_schema=False)
    for path, file in _FILES.items():
        router.add_api_route(path, _answering(file.read_bytes(), _MEDIA_TYPES[file.suffix]), name=file.name)
    return router


def _answering(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of one file."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": tag}

    async def answer(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return answer
