"""Where the pods have their models from: what an init container does is done here, in folders laid as volumes are."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.version_folder import read_manifest
from tests.deploy.kubernetes.manifests import REQUIRES_KUBECTL, ROOT, Manifest, container_of, overlay, pod_of, the

pytestmark = REQUIRES_KUBECTL

PIMA = ROOT / "deploy" / "models" / "pima" / "1"


@pytest.fixture(scope="module")
def development() -> list[Manifest]:
    return overlay("development")


def lay(volume: Manifest, manifests: list[Manifest], folder: Path) -> Path:
    """Lay a volume's files as the kubelet does: a ConfigMap's behind links, so that they can change all at once."""
    folder.mkdir()
    if "configMap" in volume:
        (source,) = (each for each in manifests if each["metadata"]["name"] == volume["configMap"]["name"])
        content = {key: text.encode() for key, text in source.get("data", {}).items()}
        content |= {key: base64.b64decode(text) for key, text in source.get("binaryData", {}).items()}
        items = volume["configMap"].get("items", [{"key": key, "path": key} for key in content])
        for item in items:
            path = folder / "..2026_11_29" / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[item["key"]])
            top = folder / Path(item["path"]).parts[0]
            if not top.is_symlink():
                top.symlink_to(Path("..data") / top.name)
        (folder / "..data").symlink_to("..2026_11_29")
    return folder


class InitContainer:
    """The init container of the development overlay, its mounts being folders."""

    def __init__(self, manifests: list[Manifest], folder: Path) -> None:
        pod = pod_of(manifests)
        (self._container,) = pod["initContainers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        self.mounts = {
            mount["mountPath"]: lay(volumes[mount["name"]], manifests, folder / mount["name"])
            for mount in self._container["volumeMounts"]
        }

    def run(self) -> subprocess.CompletedProcess[str]:
        python, *arguments = self._container["command"]
        assert python == "python"
        return subprocess.run(
            [sys.executable, *self._inside(arguments)], cwd=ROOT, capture_output=True, text=True, check=False
        )

    def _inside(self, arguments: list[str]) -> Iterator[str]:
        for argument in arguments:
            mount = "/" + argument.split("/")[1] if argument.startswith("/") else None
            yield str(self.mounts[mount]) + argument.removeprefix(mount) if mount else argument


def test_the_bundled_model_comes_out_whole_and_without_links(development: list[Manifest], tmp_path: Path) -> None:
    init = InitContainer(development, tmp_path)
    done = init.run()
    assert done.returncode == 0, done.stderr
    copied = init.mounts["/models"] / "pima" / "1"
    assert read_manifest(copied) == read_manifest(PIMA)  # which refuses links and what is altered
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == {
        path.name: path.read_bytes() for path in PIMA.iterdir()
    }
    # Where the service looks for it.
    models = [mount for mount in container_of(development)["volumeMounts"] if mount["name"] == "models"]
    assert [mount["mountPath"] for mount in models] == ["/models"]
    assert "CHAINZRULE_REPOSITORY=/models" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("altered", ["model.onnx", "manifest.json"])
def test_a_source_that_was_tampered_with_keeps_the_pod_from_starting(
    development: list[Manifest], tmp_path: Path, altered: str
) -> None:
    init = InitContainer(development, tmp_path)
    source = init.mounts["/source"] / "pima" / "1"
    with (source / altered).open("ab") as stream:
        stream.write(b" ")  # JSON stays what it was, and so does its manifest's word on every other file
    done = init.run()
    assert done.returncode == 1
    assert altered in done.stderr
    assert "Traceback" not in done.stderr
    assert list(init.mounts["/models"].glob("*/*")) == []


def test_the_digest_that_is_listed_is_the_bundled_models(development: list[Manifest]) -> None:
    volumes = {volume["name"]: volume for volume in pod_of(development)["volumes"]}
    maps = {found["metadata"]["name"]: found for found in development if found["kind"] == "ConfigMap"}
    listed = maps[volumes["digests"]["configMap"]["name"]]["data"]["digests"]
    digest = hashlib.sha256((PIMA / "manifest.json").read_bytes()).hexdigest()
    assert listed == f"{digest}  pima/1/manifest.json\n"


def test_in_production_models_come_from_a_volume_that_every_replica_can_mount() -> None:
    production = overlay("production")
    (models,) = (volume for volume in pod_of(production)["volumes"] if volume["name"] == "models")
    assert models["persistentVolumeClaim"]["readOnly"] is True
    assert "emptyDir" not in models
    assert the("PersistentVolumeClaim", production)["spec"]["accessModes"] == ["ReadWriteMany"]
