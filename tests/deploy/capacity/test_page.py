"""The page shows what the command prints."""

import re
import shlex
from pathlib import Path

import pytest

from deploy.capacity.__main__ import main

PAGE = (Path(__file__).parents[3] / "deploy" / "CAPACITY.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```\n\$ python -m deploy\.capacity (.+)\n((?:.+\n|\n)+?)```", PAGE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize(("arguments", "shown"), EXAMPLES)
def test_an_example_is_what_the_command_prints(arguments: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(shlex.split(arguments))
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--requests 0", "0 is not above 0"),
        ("--requests 10 --utilisation 1.5", "1.5 is not above 0 and at most 1"),
        ("--requests 10 --versions 0", "0 is below 1"),
        ("--requests ten", "invalid number value: 'ten'"),
        ("--requests 10 --model nobody", "invalid choice: 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments.split())
    assert refused.value.code == 2
    assert message in capsys.readouterr().err
