import re
import socket
from pathlib import Path

import pytest

from deploy.demo.day import PHASES
from deploy.demo.traffic import Client, Day, main
from tests.service.process import running

MODELS = Path(__file__).parents[3] / "deploy" / "models"


def test_a_day_passes_through_every_phase_against_the_real_service(capsys: pytest.CaptureFixture[str]) -> None:
    with running(MODELS) as process:
        main(["--url", process.url, "--day-minutes", "0.2", "--seed", "2"])
    said = capsys.readouterr().out
    positions = [said.index(phase.name) for phase in (PHASES[0], PHASES[1], PHASES[3], PHASES[4])]
    assert positions == sorted(positions)
    rows, refused = map(int, re.findall(r"(\d+) rows predicted, (\d+) requests refused", said)[0])
    assert rows > 50
    assert refused == 0


def test_goes_on_while_the_service_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        day = Day(Client(f"http://127.0.0.1:{taken.getsockname()[1]}"), minutes=0.03, seed=0)
        day.play()
    assert "trying again" in capsys.readouterr().out
    assert day.rows == 0
