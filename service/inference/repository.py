"""The folder of models: `<repository>/<name>/<version>/`."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from service.errors import InvalidModelError, ModelNotFoundError
from service.inference.model import Model

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


class Repository:
    """Every servable version found in a folder, loaded; one that cannot be served is skipped with its reason logged.

    Args:
        root: the folder.
        threads: threads onnxruntime may use within one run.
    """

    def __init__(self, root: Path, *, threads: int) -> None:
        self._root = root
        self._threads = threads
        self._models: dict[str, dict[int, Model]] = {}

    def load(self) -> None:
        """Load all versions of all models."""
        for name, version, folder in self._folders():
            try:
                model = Model.load(folder, threads=self._threads)
                if (model.manifest.name, model.manifest.version) != (name, version):
                    raise InvalidModelError(
                        folder,
                        f"its manifest calls it {model.manifest.name} version {model.manifest.version}",
                    )
            except InvalidModelError as error:
                _log.error("model not loaded", extra={"model": name, "version": version, "reason": error.message})
                continue
            self._models.setdefault(name, {})[version] = model
            _log.info("model loaded", extra={"model": name, "version": version})

    def _folders(self) -> Iterator[tuple[str, int, Path]]:
        for name in sorted(self._root.iterdir()):
            if not name.is_dir() or not _NAME.fullmatch(name.name):
                continue
            versions = [entry for entry in name.iterdir() if entry.is_dir() and _VERSION.fullmatch(entry.name)]
            for version in sorted(versions, key=lambda entry: int(entry.name)):
                yield name.name, int(version.name), version

    def __iter__(self) -> Iterator[Model]:
        """Yield every loaded model, by name and version."""
        for versions in self._models.values():
            yield from versions.values()

    @property
    def ready(self) -> bool:
        """Whether there is something to serve."""
        return bool(self._models)

    def versions(self, name: str) -> list[int]:
        """Return the loaded versions of the model `name`, ascending."""
        return sorted(self._models.get(name, {}))

    def get(self, name: str, version: str | None = None) -> Model:
        """Return a version of the model `name`, the newest unless one is given.

        Raises:
            ModelNotFoundError: saying which models or versions there are.
        """
        versions = self._models.get(name)
        if versions is None:
            known = ", ".join(self._models) or "none"
            raise ModelNotFoundError(f"no model is called {name!r}; models served: {known}", field="model")
        if version is None:
            return versions[max(versions)]
        if not _VERSION.fullmatch(version) or int(version) not in versions:
            known = ", ".join(map(str, self.versions(name)))
            raise ModelNotFoundError(f"{name} has no version {version!r}; versions served: {known}", field="version")
        return versions[int(version)]
