"""What `kubectl apply -k` would send to a cluster, made by the Kustomize in kubectl."""

import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
KUBERNETES = ROOT / "deploy" / "kubernetes"
KSERVE = ROOT / "deploy" / "kserve"
OVERLAYS = ("development", "production")

Manifest = dict[str, Any]

KUBECTL = shutil.which("kubectl", path=sysconfig.get_path("scripts")) or shutil.which("kubectl")

REQUIRES_KUBECTL = pytest.mark.skipif(KUBECTL is None, reason="kubectl is neither in the environment nor on the PATH")


@cache
def built(folder: Path) -> list[Manifest]:
    """Every object that a kustomization makes."""
    done = subprocess.run([str(KUBECTL), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return list(yaml.safe_load_all(done.stdout))


def overlay(name: str) -> list[Manifest]:
    return built(KUBERNETES / "overlays" / name)


def the(kind: str, manifests: list[Manifest]) -> Manifest:
    """The only object of its kind."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


def pod_of(manifests: list[Manifest]) -> Manifest:
    """What the Deployment's pods are made of."""
    pod: Manifest = the("Deployment", manifests)["spec"]["template"]["spec"]
    return pod


def container_of(manifests: list[Manifest]) -> Manifest:
    """The service's own container."""
    (container,) = pod_of(manifests)["containers"]
    assert isinstance(container, dict)
    return container


def environment_of(manifests: list[Manifest]) -> dict[str, str]:
    """The variables that the service's container is given, of the ConfigMaps that it names and its own."""
    container = container_of(manifests)
    maps = {manifest["metadata"]["name"]: manifest["data"] for manifest in manifests if manifest["kind"] == "ConfigMap"}
    named = [maps[source["configMapRef"]["name"]] for source in container.get("envFrom", [])]
    own = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    return {name: value for given in (*named, own) for name, value in given.items()}


def megabytes(quantity: str) -> float:
    """Of a quantity of memory as Kubernetes writes it, in MB."""
    units = {"Mi": 2**20, "Gi": 2**30}
    return int(quantity[:-2]) * units[quantity[-2:]] / 1e6
