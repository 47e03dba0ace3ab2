"""The files that a unit leaves behind: its records as a table, and beside it how they came about."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from model_export.reproduction.records import Outcome, Record, Unit

_TEXT = {"contender": str, "metric": str, "condition": str}


class Origin(NamedTuple):
    """How the records of one unit came about."""

    settings: Mapping[str, Any]
    notes: Mapping[str, Any]
    seconds: float
    environment: Mapping[str, str]


def read_origin(unit: str, folder: Path) -> Origin | None:
    """Return what is kept of the unit called `unit` in `folder`; None unless it is whole."""
    records, origin = _files(unit, folder)
    if not (records.exists() and origin.exists()):
        return None
    return Origin(**json.loads(origin.read_text(encoding="utf-8")))


def is_kept(unit: Unit, folder: Path) -> bool:
    """Return whether `folder` holds `unit` whole, run with the settings it has now."""
    origin = read_origin(unit.name, folder)
    return origin is not None and origin.settings == json.loads(json.dumps(unit.settings))


def read_records(unit: str, folder: Path) -> pd.DataFrame:
    """Return the kept records of the unit called `unit`: the columns of `Record`, and `unit`."""
    # "nan" is a value of a record, and no condition is called "".
    frame = pd.read_csv(_files(unit, folder)[0], dtype=_TEXT, keep_default_na=False, na_values={"value": ["", "nan"]})
    return frame.assign(unit=unit)


def write(unit: Unit, outcome: Outcome, seconds: float, environment: Mapping[str, str], folder: Path) -> None:
    """Keep what a unit has left behind; interrupted at any moment, it is kept whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    records, origin = _files(unit.name, folder)
    parts = [file.with_name(f"{file.name}.part") for file in (records, origin)]
    pd.DataFrame(list(outcome.records), columns=list(Record._fields)).to_csv(parts[0], index=False)
    said = Origin(unit.settings, outcome.notes, round(seconds, 3), environment)._asdict()
    parts[1].write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
    # New records must never stand beside an old origin.
    origin.unlink(missing_ok=True)
    parts[0].rename(records)
    parts[1].rename(origin)


def _files(unit: str, folder: Path) -> tuple[Path, Path]:
    return folder / f"{unit}.csv", folder / f"{unit}.json"
