"""What KServe is given fits the service: the layout of its storage, its names, its probes and the protocol."""

import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from service import __version__
from service.settings import Settings
from service.version_folder import read_manifest
from tests.deploy.kubernetes.manifests import KSERVE, ROOT
from tests.service.process import running


def read(file: str) -> dict[str, Any]:
    manifest = yaml.safe_load((KSERVE / file).read_text(encoding="utf-8"))
    assert isinstance(manifest, dict)
    return manifest


RUNTIME, INFERENCE_SERVICE = read("serving-runtime.yaml"), read("inference-service.yaml")
(CONTAINER,) = RUNTIME["spec"]["containers"]
PREDICTOR = INFERENCE_SERVICE["spec"]["predictor"]
MODELS = ROOT / "deploy" / "models"


def test_the_service_asks_for_the_runtime_by_a_format_and_a_protocol_that_it_has() -> None:
    formats = [each["name"] for each in RUNTIME["spec"]["supportedModelFormats"] if each["autoSelect"]]
    assert PREDICTOR["model"]["modelFormat"]["name"] in formats
    assert PREDICTOR["model"]["protocolVersion"] in RUNTIME["spec"]["protocolVersions"] == ["v2"]


def test_kserve_finds_the_container_by_its_name_and_the_metrics_by_the_annotations() -> None:
    assert CONTAINER["name"] == "kserve-container"
    assert CONTAINER["image"] == f"chainzrule-service:{__version__}"
    port = Settings.model_fields["port"].default
    assert [each["containerPort"] for each in CONTAINER["ports"]] == [port]
    assert RUNTIME["spec"]["annotations"] == {
        "prometheus.kserve.io/path": "/metrics",
        "prometheus.kserve.io/port": str(port),
    }
    assert CONTAINER["readinessProbe"]["httpGet"] == {"path": "/v2/health/ready", "port": port}
    assert CONTAINER["livenessProbe"]["httpGet"] == {"path": "/v2/health/live", "port": port}


def test_what_the_storage_holds_is_served_under_the_name_of_the_inference_service(tmp_path: Path) -> None:
    name, storage = INFERENCE_SERVICE["metadata"]["name"], tmp_path / "releases" / "pima-1"
    shutil.copytree(MODELS / name / "1", storage / name / "1")
    # As an image of a model comes in: the mount itself is a link.
    mounted = tmp_path / "models"
    mounted.symlink_to(storage)
    environment = {each["name"]: each["value"] for each in CONTAINER["env"]}
    assert environment.pop("CHAINZRULE_REPOSITORY") == "/mnt/models"
    assert environment.pop("CHAINZRULE_LOG_FORMAT") == "json"
    width = len(read_manifest(storage / name / "1").input.features)  # type: ignore[union-attr]
    tensor = {"name": "features", "shape": [1, width], "datatype": "FP32", "data": [50.0] * width}
    with running(mounted, **environment) as service:
        answer = httpx2.post(f"{service.url}/v2/models/{name}/infer", json={"id": "a", "inputs": [tensor]}).json()
        assert answer["model_name"] == name
        outputs = {output["name"] for output in answer["outputs"]}
        # What deploy/kserve/README.md says that nobody may rename.
        assert {"label", "probabilities", "reliability", "typicality"} <= outputs
        assert httpx2.get(f"{service.url}/v2/health/ready").status_code == 200


@pytest.mark.parametrize("field", ["allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot"])
def test_the_container_is_confined_as_in_a_deployment(field: str) -> None:
    assert CONTAINER["securityContext"][field] is (field != "allowPrivilegeEscalation")
    assert CONTAINER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert CONTAINER["resources"]["requests"] == CONTAINER["resources"]["limits"]
    assert PREDICTOR["enableServiceLinks"] is False
