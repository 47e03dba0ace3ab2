"""`chainzrule` on the command line; `serve` needs the service alone, `score` no torch, all else the `export` extra."""

import sys

USAGE = """\
usage: chainzrule serve [--repository DIR] [--host HOST] [--port PORT] ...

train, verify, inspect and score are not installed here ({missing} is missing). To have them:
    pip install 'chainzrule[export]'    or, for score alone, 'chainzrule[score]'
"""


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:2] == ["serve"]:
        from service.__main__ import main as serve  # noqa: PLC0415 - the offline half must not load it for nothing

        serve(sys.argv[2:], program="chainzrule serve")
        return
    try:
        if sys.argv[1:2] == ["score"]:
            from model_export.scoring.command import app  # noqa: PLC0415 - torch takes seconds and 300 MB
        else:
            from model_export.commands import app  # noqa: PLC0415 - absent in an installation that only serves
    except ModuleNotFoundError as error:
        sys.exit(USAGE.format(missing=error.name))
    app(sys.argv[2:], prog_name="chainzrule score") if sys.argv[1:2] == ["score"] else app()


if __name__ == "__main__":
    main()
