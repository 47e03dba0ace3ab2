"""Every object is one that an API server would take: no field is unknown, of the wrong type, or missing."""

import copy
from pathlib import Path

import pytest

from tests.deploy.kubernetes.manifests import KSERVE, KUBERNETES, REQUIRES_KUBECTL, Manifest, built, overlay, the
from tests.deploy.kubernetes.schemas import NEWEST, OLDEST, REQUIRES_CUSTOM_SCHEMAS, custom_faults, faults

pytestmark = REQUIRES_KUBECTL

KUSTOMIZATIONS = [KUBERNETES / "overlays" / "development", KUBERNETES / "overlays" / "production", KSERVE]
"""All that a user would apply."""


def is_custom(manifest: Manifest) -> bool:
    group = str(manifest["apiVersion"]).partition("/")[0]
    return group.endswith((".coreos.com", ".kserve.io"))


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_kubernetes_own_kinds_are_valid(folder: Path, version: str) -> None:
    own = [manifest for manifest in built(folder) if not is_custom(manifest)]
    assert len(own) >= 7 or folder == KSERVE
    assert {manifest["kind"]: found for manifest in own if (found := faults(manifest, version))} == {}


@REQUIRES_CUSTOM_SCHEMAS
@pytest.mark.parametrize("folder", [KUBERNETES / "overlays" / "production", KSERVE], ids=lambda folder: folder.name)
def test_the_kinds_of_operators_are_valid(folder: Path) -> None:
    custom = [manifest for manifest in built(folder) if is_custom(manifest)]
    assert len(custom) == 2
    assert {manifest["kind"]: found for manifest in custom if (found := custom_faults(manifest))} == {}


def test_no_object_is_made_twice_and_all_are_in_the_overlays_namespace() -> None:
    for name, namespace in (("development", "chainzrule-development"), ("production", "chainzrule")):
        manifests = overlay(name)
        named = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
        assert len(set(named)) == len(named)
        assert the("Namespace", manifests)["metadata"]["name"] == namespace
        for manifest in manifests:
            assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == namespace


def test_a_field_that_is_misspelt_would_be_noticed() -> None:
    deployment = copy.deepcopy(the("Deployment", overlay("production")))
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 60
    assert faults(deployment) != []


@REQUIRES_CUSTOM_SCHEMAS
@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ServiceMonitor", ("spec", "endpoints", 0, "prot"), "http"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "expression"), "1"),
        ("ServingRuntime", ("spec", "containers", 0, "readyProbe"), {}),
        ("InferenceService", ("spec", "predictor", "minReplicas"), "none"),
    ],
)
def test_so_it_would_in_the_kinds_of_operators(kind: str, path: tuple[str | int, ...], value: object) -> None:
    manifest = copy.deepcopy(the(kind, overlay("production") + built(KSERVE)))
    place = manifest
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    assert custom_faults(manifest) != []
