"""From a request for a model's prediction to its answer, in whichever protocol."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from starlette.responses import Response
from starlette.types import Receive, Scope

from service.inference.model import Model
from service.inference.repository import Repository
from service.protocol.exchange import Codec, Exchange

Prepared = Callable[[Scope], Codec]
"""Makes the codec of a request to one model."""


class ModelHandler:
    """Answers requests in one protocol.

    Args:
        repository: the models.
        exchange: answers predictions.
        prepare: asked once for each model, which what it returns must not hold: the memory of an unloaded one is free.
    """

    def __init__(self, repository: Repository, exchange: Exchange, prepare: Callable[[Model], Prepared]) -> None:
        self._repository = repository
        self._exchange = exchange
        self._prepare = prepare
        self._prepared: WeakKeyDictionary[Model, Prepared] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, name: str, version: str | None = None) -> Response:
        """Return the answer to a request to the model `name`, the newest version if none is named.

        Raises:
            ServiceError: if there is no such model, or the body cannot be predicted from.
        """
        model = self._repository.get(name, version)
        prepared = self._prepared.get(model)
        if prepared is None:
            prepared = self._prepared[model] = self._prepare(model)
        return await self._exchange.answer(scope, receive, model, prepared(scope))
