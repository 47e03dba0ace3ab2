"""The folder of models: `<repository>/<name>/<version>/`."""

import ctypes
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

from service.errors import InvalidModelError, ModelNotFoundError, NotReadyError, shown
from service.inference.model import Model

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

_UNLOADED = "unloaded by request"

State = Literal["READY", "UNAVAILABLE"]
Stamp = frozenset[tuple[str, int, int, int]]
"""Name, size, time of change and inode of every file: what tells whether a folder is still what it was."""


class VersionState(NamedTuple):
    """One version, as the repository index lists it."""

    name: str
    version: int
    state: State
    reason: str
    """Why it is not being served, or why a newer state of its folder is not; empty where all is well."""


_LINK: Stamp = frozenset({("", -1, -1, -1)})
"""The stamp of what is a link, or is reached through one."""


@dataclass
class _Entry:
    stamp: Stamp | None = None
    """of the folder when it was last looked into; None to look again"""
    model: Model | None = None
    reason: str = ""


class Repository:
    """The servable versions found in a folder, kept up with it.

    A version is loaded when its manifest and digests verify; it is built and warmed up beside the one being served
    and takes its place by one reference. What cannot be loaded is left out with its reason, and disturbs nothing that
    is being served. Looking a model up takes no lock, and may be done from any thread while another refreshes.

    Args:
        root: the folder.
        load: makes a model of a version folder, or raises InvalidModelError.
    """

    def __init__(self, root: Path, load: Callable[[Path], Model]) -> None:
        self._root = root
        self._load = load
        self._lock = Lock()
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._unloaded: set[str] = set()
        """by request: they stay so until they are asked for again, whatever versions come"""
        self._serving: Mapping[str, Mapping[int, Model]] = {}

    def refresh(self) -> None:
        """Bring what is served up to what the folder holds: load what is new or changed, drop what is gone."""
        with self._lock:
            try:
                names = [entry.name for entry in os.scandir(self._root)]
            except OSError as error:
                # A share that is away for a moment must not end the service.
                _log.error("repository not readable, models kept", extra={"reason": error.strerror})
                return
            for name in sorted({*names, *(name for name, _ in self._entries)}):
                if _NAME.fullmatch(name):
                    self._refresh_model(name)
            self._publish()

    def load(self, name: str) -> None:
        """Load every version of a model anew, unloaded ones too.

        Raises:
            ModelNotFoundError: if there is no such folder.
            InvalidModelError: if a version cannot be loaded; what was served before still is.
        """
        with self._lock:
            versions = self._find(name) if _NAME.fullmatch(name) else {}
            if not versions:
                raise ModelNotFoundError(f"the repository has no model {shown(name)!r}", field="model")
            self._unloaded.discard(name)
            for version in versions:
                self._entries.setdefault((name, version), _Entry()).stamp = None
            self._refresh_model(name)
            self._publish()
            for version in versions:
                if reason := self._entries[name, version].reason:
                    raise InvalidModelError(self._root / name / str(version), reason)

    def unload(self, name: str) -> None:
        """Stop serving a model until it is loaded by request; requests under way are finished.

        Raises:
            ModelNotFoundError: if no such model is known.
        """
        with self._lock:
            known = [entry for (of, _), entry in self._entries.items() if of == name]
            if not known:
                raise ModelNotFoundError(f"the repository has no model {shown(name)!r}", field="model")
            self._unloaded.add(name)
            for entry in known:
                entry.model, entry.reason = None, _UNLOADED
            _log.info("model unloaded", extra={"model": name})
            self._publish()

    def index(self) -> list[VersionState]:
        """Return every version found, served or not, by name and number."""
        return [
            VersionState(name, version, "READY" if entry.model is not None else "UNAVAILABLE", entry.reason)
            for (name, version), entry in sorted(dict(self._entries).items())
        ]

    def __iter__(self) -> Iterator[Model]:
        """Yield every model being served, by name and version."""
        for versions in self._serving.values():
            yield from versions.values()

    @property
    def ready(self) -> bool:
        """Whether there is something to serve."""
        return bool(self._serving)

    def versions(self, name: str) -> list[int]:
        """Return the versions of the model `name` being served, ascending."""
        return list(self._serving.get(name, ()))

    def served(self, name: str) -> Mapping[int, Model]:
        """Return the versions of the model `name` being served, at least one, by number ascending.

        Raises:
            ModelNotFoundError: saying which models there are.
            NotReadyError: if it is in the repository but is not being served.
        """
        versions = self._serving.get(name)
        if versions is None:
            if any(of == name for of, _ in list(self._entries)):
                raise NotReadyError(f"no version of {name} is being served: the service's log says why", field="model")
            known = ", ".join(self._serving) or "none"
            raise ModelNotFoundError(f"no model is called {shown(name)!r}; models served: {known}", field="model")
        return versions

    def get(self, name: str, version: str | None = None) -> Model:
        """Return a version of the model `name`, the newest being served unless one is given.

        Raises:
            ModelNotFoundError: saying which models or versions there are.
            NotReadyError: if it is in the repository but is not being served.
        """
        versions = self.served(name)
        if version is None:
            return versions[max(versions)]
        number = int(version) if _VERSION.fullmatch(version) else 0
        if number in versions:
            return versions[number]
        if (name, number) in self._entries:
            raise NotReadyError(
                f"version {number} of {name} is not being served: the service's log says why", field="version"
            )
        known = ", ".join(map(str, versions))
        raise ModelNotFoundError(f"{name} has no version {shown(version)!r}; versions served: {known}", field="version")

    def _refresh_model(self, name: str) -> None:
        try:
            found = self._find(name)
        except OSError as error:
            _log.error("model folder not readable, its versions kept", extra={"model": name, "reason": error.strerror})
            return
        for key in [key for key in self._entries if key[0] == name and key[1] not in found]:
            del self._entries[key]
            _log.info("model gone from the repository", extra={"model": key[0], "version": key[1]})
        for version, stamp in found.items():
            entry = self._entries.setdefault((name, version), _Entry())
            if name in self._unloaded:
                entry.reason = _UNLOADED
            elif entry.stamp != stamp:
                self._look_into(name, version, entry, stamp)
                self._publish()

    def _look_into(self, name: str, version: int, entry: _Entry, stamp: Stamp) -> None:
        """Load a version that is new or has changed; what cannot be loaded leaves what is being served as it is."""
        folder, extra = self._root / name / str(version), {"model": name, "version": version}
        try:
            if stamp == _LINK:
                raise InvalidModelError(folder, "it is a link, and links are not followed")
            model = self._load(folder)
            called = model.manifest.name, model.manifest.version
            if called != (name, version):
                raise InvalidModelError(folder, f"its manifest calls it {called[0]} version {called[1]}")
        except InvalidModelError as error:
            entry.stamp, entry.reason = None if error.passing else stamp, error.reason
        except Exception:
            _log.exception("model not loaded, for a reason that nobody foresaw", extra=extra)
            entry.stamp, entry.reason = None, "loading it failed: the service's log has the reason"
        else:
            entry.stamp, entry.model, entry.reason = stamp, model, ""
            _log.info("model loaded", extra=extra)
            return
        _log.error("model not loaded", extra=extra | {"reason": entry.reason, "kept": entry.model is not None})

    def _find(self, name: str) -> dict[int, Stamp]:
        """Return the versions in a model's folder, ascending, with their stamps.

        Raises:
            OSError: if the folder is there and cannot be read.
        """
        path = self._root / name
        linked = path.is_symlink()
        found = {}
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(path):
                is_link = linked or entry.is_symlink()
                if _VERSION.fullmatch(entry.name) and (is_link or entry.is_dir()):
                    with suppress(FileNotFoundError):  # it went a moment ago
                        found[int(entry.name)] = _LINK if is_link else _stamp(entry.path)
        return dict(sorted(found.items()))

    def _publish(self) -> None:
        """Let requests see what is loaded now; the memory of what they no longer see goes back to the system."""
        serving: dict[str, dict[int, Model]] = {}
        for (name, version), entry in sorted(self._entries.items()):
            if entry.model is not None:
                serving.setdefault(name, {})[version] = entry.model
        before = {id(model) for model in self}
        self._serving = serving
        if before - {id(model) for model in self}:
            release_memory()


def release_memory() -> None:
    """Ask the C library to give freed memory back to the system, where it is glibc."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _stamp(folder: str) -> Stamp:
    found = set()
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # a file that goes while it is looked at was never part of the version
            stat = entry.stat(follow_symlinks=False)
            found.add((entry.name, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return frozenset(found)
