"""`python -m service`, and `chainzrule serve`: read the settings, then run."""

import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings import CliSettingsSource, SettingsError

from service.lifecycle import serve
from service.settings import Settings


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m service") -> None:
    """Serve until told to stop; exit with status 2 and a sentence if a setting is not usable."""
    command_line: CliSettingsSource[Settings] = CliSettingsSource(
        Settings,
        cli_prog_name=program,
        cli_parse_args=list(sys.argv[1:] if arguments is None else arguments),
    )
    try:
        settings = Settings(_cli_settings_source=command_line)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        _refuse(program, "; ".join(faults))
    except SettingsError as error:
        _refuse(program, str(error))
    serve(settings)


def _refuse(program: str, reason: str) -> None:
    print(f"{program}: {reason}", file=sys.stderr)  # noqa: T201 - before there is a log
    sys.exit(2)


if __name__ == "__main__":
    main()
