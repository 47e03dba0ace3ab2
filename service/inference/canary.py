"""A new version tried on a share of the requests: which of two versions answers one that names none."""

import logging
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

from service.errors import ModelNotFoundError, NotReadyError
from service.inference.model import Model
from service.inference.repository import Repository

_log = logging.getLogger(__name__)

_BYTES = 8
_WHOLE = 256**_BYTES


class Part(NamedTuple):
    """What one version gets of the requests that name none."""

    name: str
    version: int
    share: float


class Trial(NamedTuple):
    """A version of a model that is tried on a share of the requests that name no version."""

    version: int
    share: float
    """0 to 1"""


class _Pair(NamedTuple):
    stable: Model
    tried: Model | None


class Canary:
    """Splits the requests that name no version between a version on trial and the newest before it.

    Which of the two answers is decided by a hash of the request's id, so that a client that repeats a request under its
    id is answered by the same version, by any worker and any replica, for as long as the share and the two versions
    stay. Where one of the two is not being served the other answers everything. Versions newer than the one on trial
    wait until the trial is over, so that what comes or goes meanwhile puts no version into service that nobody chose.

    Args:
        trials: by model.
        repository: the models.
    """

    def __init__(self, trials: Mapping[str, Trial], repository: Repository) -> None:
        self._repository = repository
        self._trials = {name: (trial, trial.share * _WHOLE) for name, trial in trials.items()}
        self._told: dict[str, list[Part]] = {}

    def get(self, name: str, version: str | None, request: str) -> Model:
        """Return the version that answers a request to the model `name`.

        Args:
            name: of the model.
            version: the one that the request names, if it names one.
            request: the request's id.

        Raises:
            ModelNotFoundError: saying which models or versions there are.
            NotReadyError: if it is in the repository but is not being served.
        """
        if version is None and (found := self._trials.get(name)):
            trial, threshold = found
            stable, tried = self._pair(name, trial.version)
            if tried is None:
                return stable
            # Salted, or every model's canary would get the same requests.
            place = blake2b(request.encode(), digest_size=_BYTES, salt=_salt(name)).digest()
            return tried if int.from_bytes(place) < threshold else stable
        return self._repository.get(name, version)

    def described(self, name: str) -> Model:
        """Return the version that stands for the model `name` where a client asks what it takes.

        It is the older of the two while they share the requests, since what is not written for it would be refused by
        most; with the whole share it is the one on trial.

        Raises:
            ModelNotFoundError: saying which models there are.
            NotReadyError: if it is in the repository but is not being served.
        """
        if found := self._trials.get(name):
            stable, tried = self._pair(name, found[0].version)
            return stable if tried is None or found[0].share < 1 else tried
        return self._repository.get(name)

    def _pair(self, name: str, tried: int) -> _Pair:
        served = self._repository.served(name)
        before = [version for version in served if version < tried]
        if tried not in served:
            return _Pair(served[before[-1] if before else max(served)], None)
        return _Pair(served[before[-1]], served[tried]) if before else _Pair(served[tried], None)

    def parts(self) -> Iterator[Part]:
        """Yield what each version gets of the models that have one on trial and are served; log what has changed."""
        for name, (trial, _) in self._trials.items():
            parts = self._parts(name, trial)
            if parts != self._told.get(name):
                self._told[name] = parts
                if parts:
                    _log.info("canary", extra={"model": name, "shares": {part.version: part.share for part in parts}})
                else:
                    # It may come later, or its name is misspelt.
                    _log.warning("canary of a model that is not being served", extra={"model": name})
            yield from parts

    def _parts(self, name: str, trial: Trial) -> list[Part]:
        try:
            stable, tried = self._pair(name, trial.version)
        except (ModelNotFoundError, NotReadyError):
            return []
        if tried is None:
            return [Part(name, stable.manifest.version, 1.0)]
        return [Part(name, stable.manifest.version, 1 - trial.share), Part(name, trial.version, trial.share)]


def _salt(name: str) -> bytes:
    return name.encode()[: blake2b.SALT_SIZE]
