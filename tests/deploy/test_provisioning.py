"""What Grafana and Prometheus are given to start with."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


def read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found = read(ROOT / "docker-compose.yml")["services"]
    assert isinstance(found, dict)
    return found


def mounts(service: dict[str, Any]) -> dict[str, Path]:
    """What of the project stands where in a container."""
    parts = [volume.split(":") for volume in service.get("volumes", []) if volume.startswith("./")]
    assert all(rights == "ro" for *_, rights in parts)
    return {inside: ROOT / outside for outside, inside, _ in parts}


def test_everything_mounted_is_there(services: dict[str, Any]) -> None:
    mounted = [path for service in services.values() for path in mounts(service).values()]
    assert len(mounted) >= 5
    for path in mounted:
        assert path.exists(), path


def test_the_datasource_is_the_prometheus_of_the_compose_file(services: dict[str, Any]) -> None:
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    assert source["uid"] == "prometheus"
    host, port = source["url"].removeprefix("http://").split(":")
    assert services[host]["ports"][0].endswith(f":{port}")
    scraped = read(ROOT / "deploy" / "prometheus" / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped


def test_the_dashboards_are_where_their_provider_looks(services: dict[str, Any]) -> None:
    (provider,) = read(PROVISIONING / "dashboards" / "provider.yml")["providers"]
    grafana = services["grafana"]
    folder = mounts(grafana)[provider["options"]["path"]]
    assert {path.stem for path in folder.glob("*.json")} == {"fleet", "model", "service"}
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (mounts(grafana)[str(home.parent)] / home.name).is_file()


def test_nobody_can_change_anything_in_grafana_and_nothing_is_secret(services: dict[str, Any]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert not [name for service in services.values() for name in service.get("environment", {}) if "PASSWORD" in name]


def test_all_but_grafana_and_prometheus_have_a_read_only_root_and_no_service_has_capabilities(
    services: dict[str, Any],
) -> None:
    assert all(service["cap_drop"] == ["ALL"] for service in services.values())
    assert {name for name, service in services.items() if not service.get("read_only")} == {"grafana", "prometheus"}
