"""A cluster that gets a replica with the load and gives it back without it."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from tests.conftest import Exported
from tests.deploy.ray.cluster import running_cluster
from tests.deploy.ray.test_application import ROWS, load, samples, wait_for
from tests.service.process import REQUIRES_PROC

pytestmark = [
    REQUIRES_PROC,
    pytest.mark.skipif(find_spec("ray") is None, reason="the application needs the extra ray"),
]


def test_a_replica_that_is_no_longer_needed_goes_without_a_request_or_a_count_lost(
    exported: Exported, tmp_path: Path
) -> None:
    repository = tmp_path / "models"
    shutil.copytree(exported.repository, repository)
    scaling = {
        "min_replicas": 1,
        "max_replicas": 2,
        "target_ongoing_requests": 2,
        "upscale_delay_s": 0,
        "downscale_delay_s": 3,
    }
    environment = {"CHAINZRULE_REPOSITORY": str(repository)}
    with (
        running_cluster(tmp_path, {}, {"autoscaling_config": scaling}, environment) as cluster,
        httpx2.Client(base_url=cluster.url, timeout=30) as client,
    ):
        with load(cluster.url, clients=8) as crowd:
            wait_for(lambda: len(cluster.replicas()) == 2)
            wait_for(lambda: samples(client)["chainzrule_workers{}"] == 2)
        with load(cluster.url, clients=1) as straggler:
            wait_for(lambda: len(cluster.replicas()) == 1)
            last = straggler.answered
            wait_for(lambda: straggler.answered > last + 20)
        assert (crowd.lost, straggler.lost, straggler.repeated) == ([], [], 0)
        wait_for(lambda: samples(client)["chainzrule_workers{}"] == 1)
        now = samples(client)
        assert now[ROWS] == crowd.answered + straggler.answered
        assert now["chainzrule_worker_restarts_total{}"] == 0  # it was asked to go
