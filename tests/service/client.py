"""An application over a repository, and a client that speaks to it in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from service.app import create_app
from service.core import Core, make_core
from service.settings import Settings


class Service(NamedTuple):
    client: TestClient
    core: Core
    app: ASGIApp

    def samples(self) -> dict[str, float]:
        """Scrape: every sample by its name and labels, as the text has them."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        return {
            sample.name + "{" + ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items())) + "}": sample.value
            for family in families
            for sample in family.samples
        }


@contextmanager
def serving(root: Path, **settings: Any) -> Iterator[Service]:
    core = make_core(Settings(repository=root, threads=1, **settings))
    app = create_app(core)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(client, core, app)
