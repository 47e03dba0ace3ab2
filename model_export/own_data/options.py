"""What a user says of a table that is not to be found out: by flags, by a YAML file, or from Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, cast

import yaml

from model_export.errors import DataError
from model_export.own_data.target import TASKS, Task
from model_export.own_data.values import KINDS, Kind

_IN_QUOTES = "write what YAML takes for a number, a date or a truth value, such as 1 or no, in quotes"


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
        """Return the options in a YAML file: keys as the fields are called, `types` a mapping of kinds by column.

        Raises:
            DataError: if it cannot be read, or has a key or value that is none.
        """
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise DataError(f"the options {file} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise DataError(f"{file} has no options: write KEY: VALUE, a line each")
        known = [one.name for one in fields(cls)]
        if unknown := [str(key) for key in content if key not in known]:
            raise DataError(f"{file} has the option {', '.join(unknown)}, and there are {', '.join(known)}")
        for key, value in content.items():
            if key in {"levels", "drop"}:
                if not isinstance(value, list) or not _are_texts(value):
                    raise DataError(f"{key} in {file} must be a list of texts: {_IN_QUOTES}")
                content[key] = tuple(value)
            elif key == "types":
                if not isinstance(value, dict) or not _are_texts([*value, *value.values()]):
                    raise DataError(f"types in {file} must be a mapping of kinds by column, texts both: {_IN_QUOTES}")
            elif not isinstance(value, str):
                raise DataError(f"{key} in {file} must be a text: {_IN_QUOTES}")
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


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)
