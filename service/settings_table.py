"""What there is to set, as text: for the command line's help, and as the table in SETTINGS.md.

python -m service.settings_table > service/SETTINGS.md
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.settings import SECTIONS, Settings

_TITLE = """\
# Settings

Every setting of the service, made from `service/settings.py` by `python -m service.settings_table`. A flag of
`chainzrule serve` goes before its environment variable, and that before the default. What cannot be used, or not safely
together, is refused at the start with the reason and status 2.\
"""


class Setting(NamedTuple):
    """One setting, described."""

    name: str
    section: str
    flag: str | None
    """None for what is secret: every user of a machine can read every process's command line."""
    variable: str
    kind: str
    """a word for what is given, empty for what is on or off"""
    default: str
    bounds: str
    meaning: str


def describe_settings() -> Iterator[Setting]:
    """Yield every setting in the order of its declaration."""
    section = ""
    for name, field in Settings.model_fields.items():
        section = SECTIONS.get(name, section)
        kind = _kind(field)
        flag = f"--{name.replace('_', '-')}"
        yield Setting(
            name,
            section,
            None if kind == "KEYS" else flag,
            f"CHAINZRULE_{name.upper()}",
            kind,
            _default(field.default),
            _bounds(field),
            " ".join(str(field.description).split()),
        )


def _kind(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "KEYS" if SecretStr in get_args(kind) else "LIST"
    return {bool: "", int: "N", float: "NUMBER", Path: "PATH", str: "TEXT"}[kind]


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bounds(field: FieldInfo) -> str:
    bounds = {type(bound): bound for bound in field.metadata}
    low, above, high = bounds.get(Ge), bounds.get(Gt), bounds.get(Le)
    if low and high:
        return f"{low.ge} to {high.le}"
    found = [f"{low.ge} or more"] if low else [f"above {above.gt}"] if above else []
    return ", ".join([*found, *([f"at most {high.le}"] if high else [])])


def table() -> str:
    """Return the page with the table."""
    lines = [_TITLE]
    for section, settings in groupby(describe_settings(), key=attrgetter("section")):
        lines += [f"\n## {section}\n", "| flag | variable | default | bounds | meaning |", "|---|---|---|---|---|"]
        for setting in settings:
            flag = f"`{setting.flag} {setting.kind}".rstrip() + "`" if setting.flag else ""
            default = f"`{setting.default}`" if setting.default else ""
            cells = (flag, f"`{setting.variable}`", default, setting.bounds, setting.meaning.replace("<", r"\<"))
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
