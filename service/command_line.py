"""The command line: flags and the environment to settings, or a refusal in a sentence."""

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import groupby
from operator import attrgetter
from textwrap import wrap
from typing import Any, NoReturn

from pydantic import ValidationError

from service.settings import Settings
from service.settings_table import Setting, describe_settings

_DESCRIPTION = """\
Serve the models in a folder over HTTP, each prediction with its reliability. Every flag can be given as an environment
variable instead: --max-rows as CHAINZRULE_MAX_ROWS."""

_EPILOG = """\
example: {program} --repository models --port 8080 --log-format json
then:    curl localhost:8080/v1/models"""


_WIDTH = 110
_COLUMN = 30
"""Where the meanings begin."""
_INDENT = " " * (_COLUMN - 2)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_COLUMN, width=_WIDTH)


class _Secret(argparse.Action):
    """What must not stand on a command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        parser.error(
            f"{self.option_strings[0]} is not taken here, where every user of the machine could read it: "
            f"set CHAINZRULE_{self.dest.upper()}, or give {self.option_strings[0]}-file"
        )


def read_settings(arguments: Sequence[str], program: str) -> Settings:
    """Return the settings; exit with status 2 and a sentence if one is not usable, with 0 if help is asked for."""
    settings = list(describe_settings())
    parser = _parser(settings, program)
    given = vars(parser.parse_args(arguments))
    for sentence in near_misses(settings):
        parser.exit(2, f"{program}: {sentence}\n")
    try:
        return Settings(**given)
    except ValidationError as error:
        parser.exit(2, f"{program}: {sentences(error)}\n")


def _parser(settings: Sequence[Setting], program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        program,
        usage=f"{program} [--repository PATH] [--host TEXT] [--port N] [...]",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(program=program),
        formatter_class=_Formatter,
        # --api-keys SECRET must not be read as --api-keys-file SECRET, which the refusal would repeat.
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    for section, of_section in groupby(settings, key=attrgetter("section")):
        group = parser.add_argument_group(section.lower())
        secrets = []
        for setting in of_section:
            notes = [note for note in (setting.bounds, setting.default and f"default {setting.default}") if note]
            text = setting.meaning + (f" ({'; '.join(notes)})" if notes else "")
            shown: dict[str, Any] = {"dest": setting.name, "help": text.replace("%", "%%")}
            if setting.flag is None:
                secrets += [
                    setting.variable,
                    *wrap(text, _WIDTH - 2, initial_indent=_INDENT, subsequent_indent=_INDENT),
                ]
                flag = f"--{setting.name.replace('_', '-')}"
                group.add_argument(flag, action=_Secret, nargs="?", dest=setting.name, help=argparse.SUPPRESS)
            elif setting.kind:
                group.add_argument(setting.flag, metavar=setting.kind, **shown)
            else:
                group.add_argument(setting.flag, action=argparse.BooleanOptionalAction, **shown)
        group.description = "\n".join(secrets) or None
    return parser


def near_misses(settings: Iterable[Setting]) -> Iterator[str]:
    """Refuse each variable that is all but a setting's: CHAINZRULE_API_KEY must not leave the service open to all."""
    known = {setting.name.upper(): setting.variable for setting in settings}
    for variable in os.environ:
        prefix, _, rest = variable.upper().partition("CHAINZRULE_")
        if not prefix and rest not in known and (near := get_close_matches(rest, known, n=1, cutoff=0.8)):
            yield f"{variable} is no setting: did you mean {known[near[0]]}?"


def sentences(error: ValidationError) -> str:
    """Return what is wrong with settings, without what was given, which may be a key."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(map(_sentence, faults))


def _sentence(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    return ": ".join([*map(str, fault["loc"][:1]), message])
