"""What a user says of a table that is not to be found out: by flags, by a TOML file, or from Python."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, cast

from model_export.errors import DataError
from model_export.own_data.target import TASKS, Task
from model_export.own_data.values import KINDS, Kind


@dataclass(frozen=True)
class TableOptions:
    """What is asked for, nothing of which needs to be.

    Args:
        task: what the target is.
        levels: the classes of an ordinal target in rising order.
        types: kinds of columns by name.
        drop: columns to be left out.
        group: the column by whose groups to split; not learned from.
        time: the column by whose order to split, dates or numbers; not learned from.
    """

    task: Task | None = None
    levels: tuple[str, ...] | None = None
    types: Mapping[str, Kind] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise DataError(f"no task is called {self.task!r}; there are {', '.join(TASKS)}")
        for name, kind in self.types.items():
            if kind not in KINDS:
                raise DataError(
                    f"no kind of column is called {kind!r}, asked for {name!r}; there are {', '.join(KINDS)}"
                )
        if self.group is not None and self.time is not None:
            raise DataError("a table is split by group or by time, not by both")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the options in a TOML file: keys as the fields are called, `types` a table.

        Raises:
            DataError: if it cannot be read, or has a key or value that is none.
        """
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise DataError(f"the options {file} cannot be read: {error}") from error
        known = [one.name for one in fields(cls)]
        if unknown := [key for key in content if key not in known]:
            raise DataError(f"{file} has the option {', '.join(unknown)}, and there are {', '.join(known)}")
        for key, value in content.items():
            if key in {"levels", "drop"}:
                if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                    raise DataError(f"{key} in {file} must be a list of texts")
                content[key] = tuple(value)
            elif not isinstance(value, dict if key == "types" else str):
                raise DataError(
                    f"{key} in {file} must be {'a table of kinds by column' if key == 'types' else 'a text'}"
                )
        return cls(**content)

    def but(
        self,
        *,
        task: str | None,
        levels: str | None,
        types: Iterable[str],
        drop: Iterable[str],
        group: str | None,
        time: str | None,
    ) -> Self:
        """Return the options with what flags say put over them, each as it is written on the command line.

        Raises:
            DataError: if a flag cannot be understood.
        """
        said: dict[str, Any] = {"task": task, "group": group, "time": time}
        if group is not None or time is not None:
            said |= {"group": group, "time": time}
        changed = {key: value for key, value in said.items() if value is not None}
        if group is not None and self.time is not None:
            changed["time"] = None
        if time is not None and self.group is not None:
            changed["group"] = None
        if levels is not None:
            changed["levels"] = tuple(level.strip() for level in levels.split(","))
        kinds = dict(self.types)
        for text in types:
            name, equals, kind = text.rpartition("=")
            if not equals:
                raise DataError(f"--type {text} says no kind: write --type COLUMN=KIND, a kind of {', '.join(KINDS)}")
            kinds[name] = cast("Kind", kind)
        return replace(self, **changed, types=kinds, drop=(*self.drop, *drop))
