import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.deploy.rules.scenario import Scenario


@pytest.fixture
def make_scenario(tmp_path: Path) -> Callable[..., Scenario]:
    """What makes a scenario, where there is a promtool to judge it."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on the PATH")
    return partial(Scenario, tmp_path)


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario()
