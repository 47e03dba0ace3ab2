"""From a request for a model's prediction to its answer, in whichever protocol."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from starlette.responses import Response
from starlette.types import Receive, Scope

from service.inference.canary import Canary
from service.inference.model import Model
from service.monitoring.context import current_request
from service.protocol.exchange import Codec, Exchange

Prepared = Callable[[Scope], Codec]
"""Makes the codec of a request to one model."""

Find = Callable[[str, str | None], Model]
"""Returns the version that answers, given a model's name and the version that the request names, if it names one."""


def find_by_canary(canary: Canary) -> Find:
    """Return what finds the version that answers the current request."""

    def find(name: str, version: str | None) -> Model:
        identity = current_request.get()
        return canary.get(name, version, "" if identity is None else identity.request_id)

    return find


class ModelHandler:
    """Answers requests in one protocol.

    Args:
        find: finds the version that answers.
        exchange: answers predictions.
        prepare: asked once for each model, which what it returns must not hold: the memory of an unloaded one is free.
    """

    def __init__(self, find: Find, exchange: Exchange, prepare: Callable[[Model], Prepared]) -> None:
        self._find = find
        self._exchange = exchange
        self._prepare = prepare
        self._prepared: WeakKeyDictionary[Model, Prepared] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, name: str, version: str | None = None) -> Response:
        """Return the answer to a request to the model `name`, or to a version of it.

        Raises:
            ServiceError: if there is no such model, or the body cannot be predicted from.
        """
        model = self._find(name, version)
        prepared = self._prepared.get(model)
        if prepared is None:
            prepared = self._prepared[model] = self._prepare(model)
        return await self._exchange.answer(scope, receive, model, prepared(scope))
