"""A new version tried on a share of the requests: which of two versions answers one that names none."""

import logging
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

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


class Canary:
    """Splits the requests that name no version between the newest version being served and the one before it.

    Which of the two answers is decided by a hash of the request's id, so that a client that repeats a request under its
    id is answered by the same version, by any worker and any replica, for as long as the share and the two versions
    stay. A model of one version has nothing to split, and one without a share is answered by its newest.

    Args:
        shares: what the newest version gets, by model, 0 to 1.
        repository: the models.
    """

    def __init__(self, shares: Mapping[str, float], repository: Repository) -> None:
        self._repository = repository
        self._thresholds = {name: (share, share * _WHOLE) for name, share in shares.items()}
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
        if version is None and (found := self._thresholds.get(name)):
            stable, *canary = self._repository.newest(name)
            if canary:
                # Salted, or every model's canary would get the same requests.
                place = blake2b(request.encode(), digest_size=_BYTES, salt=_salt(name)).digest()
                return canary[0] if int.from_bytes(place) < found[1] else stable
            return stable
        return self._repository.get(name, version)

    def described(self, name: str) -> Model:
        """Return the version that stands for the model `name` where a client asks what it takes.

        It is the older of the two while they share the requests, since what is not written for it would be refused by
        most; with the whole share it is the newest.

        Raises:
            ModelNotFoundError: saying which models there are.
            NotReadyError: if it is in the repository but is not being served.
        """
        found = self._thresholds.get(name)
        return self._repository.newest(name)[0] if found and found[0] < 1 else self._repository.get(name)

    def parts(self) -> Iterator[Part]:
        """Yield what each version gets of the models that have a share and are being served; log what has changed."""
        for name, (share, _) in self._thresholds.items():
            versions = self._repository.versions(name)[-2:]
            shares = [1 - share, share] if len(versions) == 2 else [1.0]
            parts = [Part(name, *part) for part in zip(versions, shares, strict=False)]
            if parts != self._told.get(name):
                self._told[name] = parts
                if parts:
                    _log.info("canary", extra={"model": name, "shares": {part.version: part.share for part in parts}})
                else:
                    # It may come later, or its name is misspelt.
                    _log.warning("canary has a share of a model that is not being served", extra={"model": name})
            yield from parts


def _salt(name: str) -> bytes:
    return name.encode()[: blake2b.SALT_SIZE]
