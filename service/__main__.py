"""`python -m service`, and `chainzrule serve`: read the settings, then run."""

import sys
from collections.abc import Sequence

from service.command_line import read_settings
from service.lifecycle import serve


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m service") -> None:
    """Serve until told to stop; exit with status 2 and a sentence if a setting is not usable."""
    serve(read_settings(sys.argv[1:] if arguments is None else arguments, program))


if __name__ == "__main__":
    main()
