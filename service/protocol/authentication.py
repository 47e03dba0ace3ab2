"""API keys."""

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ForbiddenError, ServiceError, UnauthorizedError
from service.protocol.error_responses import ErrorAnswers
from service.protocol.page import PAGE_PATHS

HEALTH_PREFIX, METRICS_PATH, REPOSITORY_PREFIX = "/v2/health/", "/metrics", "/v2/repository/"


class Keys:
    """Keys that are known by their digests alone.

    Args:
        keys: as clients send them.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [sha256(key.encode()).digest() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def knows(self, key: bytes) -> bool:
        """Return whether `key` is one of them, in a time that says nothing of how near it was."""
        digest = sha256(key).digest()
        return sum(compare_digest(digest, known) for known in self._digests) > 0


class Authentication:
    """Asks for a key where one is needed: an admin key under /v2/repository, elsewhere an API key, if there are any.

    The page, which holds no data, is for everyone.

    Args:
        app: what is called with a good key.
        keys: of clients; none lets everyone in.
        admin_keys: of those who may load and unload models; none turns that off.
        public_health: whether health is answered to anyone.
        public_metrics: whether /metrics is.
        answers: how a refusal is answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Keys,
        admin_keys: Keys,
        answers: ErrorAnswers,
        *,
        public_health: bool,
        public_metrics: bool,
    ) -> None:
        self._app = app
        self._answers = answers
        self._keys = keys
        self._admin_keys = admin_keys
        self._public_health = public_health
        self._public_metrics = public_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await self._answers.answer(scope, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ServiceError | None:
        path = scope["path"]
        keys = self._keys
        if path.startswith(REPOSITORY_PREFIX):
            keys = self._admin_keys
            if not keys:
                return ForbiddenError("the repository API is off: start the service with admin_keys to turn it on")
        elif not keys or self._is_public(path):
            return None
        sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = sent.partition(b" ")
        if scheme.lower() == b"bearer" and keys.knows(key.strip()):
            return None
        return UnauthorizedError("this needs a key: send it as the header Authorization: Bearer KEY")

    def _is_public(self, path: str) -> bool:
        return (
            path in PAGE_PATHS
            or (self._public_health and path.startswith(HEALTH_PREFIX))
            or (self._public_metrics and path == METRICS_PATH)
        )
