"""The pod that every overlay makes: what is asked of it, what it may use and do, and how it ends."""

from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service import __version__, lifecycle
from service.settings import Settings
from tests.conftest import Exported
from tests.deploy.kubernetes.manifests import (
    OVERLAYS,
    REQUIRES_KUBECTL,
    Manifest,
    container_of,
    environment_of,
    megabytes,
    overlay,
    pod_of,
    the,
)
from tests.service.process import running

pytestmark = REQUIRES_KUBECTL

MEASURED_MEGABYTES = 123
"""Resident with every bundled model loaded: docs/speed.md."""

RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"}
RESTRICTED_VOLUMES |= {"secret"}


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return overlay(request.param)


def every_container(manifests: list[Manifest]) -> list[Manifest]:
    pod = pod_of(manifests)
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_the_probes_ask_what_answers_and_restart_only_what_a_restart_helps(
    manifests: list[Manifest], tmp_path: Path, exported: Exported
) -> None:
    container = container_of(manifests)
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert {container[f"{name}Probe"]["httpGet"]["port"] for name in paths} == {"http"}
    with running(tmp_path) as empty, running(exported.repository) as serving:
        asked = {
            name: [httpx2.get(service.url + path).status_code for service in (empty, serving)]
            for name, path in paths.items()
        }
    # A pod without a model is sent nothing, and is not restarted for it.
    assert asked == {"startup": [200, 200], "readiness": [503, 200], "liveness": [200, 200]}


def test_a_hang_is_noticed_within_two_minutes_and_load_is_no_hang(manifests: list[Manifest]) -> None:
    probe = container_of(manifests)["livenessProbe"]
    assert 30 <= probe["periodSeconds"] * probe["failureThreshold"] <= 120
    readiness = container_of(manifests)["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < 10


def test_the_grace_period_outlasts_the_way_out(manifests: list[Manifest], tmp_path: Path) -> None:
    settings = settings_of(manifests, tmp_path)
    needed = settings.drain_seconds + lifecycle.HANDSHAKE_SECONDS + lifecycle.BACKLOG_SECONDS
    needed += settings.shutdown_seconds + lifecycle.EXIT_SECONDS
    assert pod_of(manifests)["terminationGracePeriodSeconds"] > needed
    assert "lifecycle" not in container_of(manifests)
    assert settings.drain_seconds >= 5


def settings_of(manifests: list[Manifest], folder: Path) -> Settings:
    """The settings of the container, its files being in the folder."""
    environment = environment_of(manifests)
    known = {f"CHAINZRULE_{name.upper()}": name for name in Settings.model_fields}
    assert environment.keys() <= known.keys()
    given = {known[variable]: value for variable, value in environment.items()}
    for name in [name for name in given if name.endswith("_file")]:
        given[name] = str(folder / name)
        Path(given[name]).write_text("k" * 32)
    return Settings(repository=folder, **given)  # type: ignore[arg-type]


def test_every_variable_is_a_setting_and_no_service_makes_another(manifests: list[Manifest], tmp_path: Path) -> None:
    assert settings_of(manifests, tmp_path).log_format == "json"
    assert the("Service", manifests)["metadata"]["name"] == "chainzrule"
    assert pod_of(manifests)["enableServiceLinks"] is False


def test_onnxruntime_gets_whole_cores_and_the_memory_is_several_times_what_was_measured(
    manifests: list[Manifest],
) -> None:
    for container in every_container(manifests):
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        assert Fraction(limits["cpu"]).denominator == 1
        assert limits == requests
    assert megabytes(container_of(manifests)["resources"]["limits"]["memory"]) > 4 * MEASURED_MEGABYTES


def test_it_meets_the_restricted_pod_security_standard(manifests: list[Manifest]) -> None:
    assert the("Namespace", manifests)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = pod_of(manifests)
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 10001, "as in the Dockerfile"
    assert security["seccompProfile"]["type"] == "RuntimeDefault"
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    kinds = chain.from_iterable(volume.keys() - {"name"} for volume in pod["volumes"])
    assert set(kinds) <= RESTRICTED_VOLUMES
    for container in every_container(manifests):
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert own["readOnlyRootFilesystem"] is True  # beyond the standard
        assert own.keys() <= {"allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem"}
        assert not any("hostPort" in port for port in container.get("ports", []))


def test_it_has_no_rights_in_the_cluster(manifests: list[Manifest]) -> None:
    assert pod_of(manifests)["serviceAccountName"] == the("ServiceAccount", manifests)["metadata"]["name"]
    assert pod_of(manifests)["automountServiceAccountToken"] is False
    assert the("ServiceAccount", manifests)["automountServiceAccountToken"] is False


def test_what_is_mounted_is_there_and_the_models_are_read_only(manifests: list[Manifest]) -> None:
    pod = pod_of(manifests)
    volumes: dict[str, Any] = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["name"] for container in every_container(manifests) for mount in container["volumeMounts"]}
    assert mounted == volumes.keys()
    mounts = {mount["mountPath"]: mount for mount in container_of(manifests)["volumeMounts"]}
    assert mounts["/models"]["readOnly"] is True
    assert mounts.keys() >= {"/models", "/tmp"}
    there = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    for volume in volumes.values():
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in there
        if "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in there
    keys_file = environment_of(manifests).get("CHAINZRULE_API_KEYS_FILE")
    assert keys_file is None or str(Path(keys_file).parent) in mounts


def test_every_image_is_this_release_of_the_service(manifests: list[Manifest]) -> None:
    for container in every_container(manifests):
        assert container["image"].rpartition("/")[2] == f"chainzrule-service:{__version__}"


def test_an_update_adds_before_it_takes_away_and_spreads_over_zones_and_nodes(manifests: list[Manifest]) -> None:
    deployment = the("Deployment", manifests)["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    constraints = pod_of(manifests)["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in constraints] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    labels = deployment["template"]["metadata"]["labels"]
    for each in constraints:
        assert each["labelSelector"]["matchLabels"].items() <= labels.items()
