"""Requests that schemathesis makes up from our own description and from the protocol's published one.

`make fuzz` tries thousands; a usual run tries some of each kind.
"""

import json
import os
import random
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from starlette.types import ASGIApp

from service.app import create_app
from service.core import make_core
from service.settings import Settings
from tests.service.made_images import HEIGHT, WIDTH, picture
from tests.service.made_texts import WORDS

EXAMPLES = int(os.environ.get("CHAINZRULE_FUZZ_EXAMPLES", "8"))
"""Random requests of each operation; those at the edges of the description come on top."""

PUBLISHED = Path(os.environ.get("CHAINZRULE_OIP", Path(__file__).parents[4] / "shared" / "oip"))
SILENT = {404, 405, 413, 415}
"""Statuses of which the published description says nothing, though such requests can be sent."""

ADMIN_KEY = "0123456789abcdef"
ANSWERED: list[str] = []
"""Ids of answers, to give feedback on."""

COUNTS: Counter[tuple[str, int]] = Counter()

CONFIG = {"generation": {"deterministic": bool(os.environ.get("CI")), "database": "none"}}
HYPOTHESIS = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


# An application for each test: schemathesis ends one's life after its requests, and its threads with it.
@pytest.fixture
def app(every_kind: Path) -> ASGIApp:
    chosen = Settings(repository=every_kind, repository_mode="explicit", threads=1, max_rows=100, admin_keys=ADMIN_KEY)
    return create_app(make_core(chosen))


@pytest.fixture
def ours(app: ASGIApp) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig.from_dict(CONFIG))


@pytest.fixture
def published(app: ASGIApp) -> Any:
    file = PUBLISHED / "open_inference_rest.yaml"
    if not file.exists():
        pytest.skip(f"{file} is not there: CHAINZRULE_OIP names the folder of the published description")
    schema = schemathesis.openapi.from_path(file, config=SchemathesisConfig.from_dict(CONFIG))
    schema.app = app
    return schema


@pytest.fixture(scope="module", autouse=True)
def _report(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for source in ("ours", "published"):
            answers = {status: count for (of, status), count in sorted(COUNTS.items()) if of == source}
            sys.stdout.write(f"\n{sum(answers.values())} generated cases, {source}, by status: {answers}\n")


class Good(NamedTuple):
    """Rows that a model takes, in every form."""

    instances: list[Any]
    tensor: dict[str, Any]
    data: list[Any]
    binary: bytes


def good_table(dice: random.Random, count: int) -> Good:
    rows = [[dice.uniform(-9, 9) for _ in range(4)] for _ in range(count)]
    tensor = {"name": "features", "shape": [count, 4], "datatype": "FP32"}
    return Good(rows, tensor, rows, np.array(rows, np.float32).tobytes())


def good_texts(dice: random.Random, count: int) -> Good:
    texts = [" ".join(dice.choices(WORDS, k=dice.randint(1, 40))) for _ in range(count)]
    binary = b"".join(len(text).to_bytes(4, "little") + text.encode() for text in texts)
    instances = [text if dice.random() < 0.5 else {"text": text} for text in texts]
    return Good(instances, {"name": "text", "shape": [count], "datatype": "BYTES"}, texts, binary)


def good_images(dice: random.Random, count: int) -> Good:
    images = np.frombuffer(dice.randbytes(count * HEIGHT * WIDTH * 3), np.uint8).reshape(count, HEIGHT, WIDTH, 3)
    files = [b64encode(picture("RGB", dice.choice([WIDTH, 20]), kind=dice.choice(["PNG", "JPEG"]))) for _ in images]
    instances = [
        dice.choice([image.tolist(), file.decode(), {"b64": file.decode()}])
        for image, file in zip(images, files, strict=True)
    ]
    tensor = {"name": "image", "shape": list(images.shape), "datatype": "UINT8"}
    return Good(instances, tensor, images.tolist(), images.tobytes())


GOOD: dict[str, Callable[[random.Random, int], Good]] = {
    "plant": good_table,
    "reviews": good_texts,
    "photos": good_images,
}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Turn most requests towards a model that there is and the rows it takes: chance alone stops at the door."""
    # Drawn from the case itself, so that a case found is a case found again.
    dice = random.Random(crc32(repr((case.path_parameters, case.body)).encode("utf-8", "surrogatepass")))
    if case.operation.path.startswith("/v2/repository/"):
        case.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        if case.operation.path.endswith("/unload"):
            case.path_parameters["name"] = "mill"  # the others need the plant
        return
    name = dice.choice(list(GOOD))
    for key, value in {"name": name, "MODEL_NAME": name, "version": "1", "MODEL_VERSION": "1"}.items():
        if key in (case.path_parameters or ()) and dice.random() < 0.8:
            case.path_parameters[key] = value
    good = GOOD[name](dice, dice.randint(0, 3))
    if case.media_type == "application/octet-stream" and dice.random() < 0.5:
        tensor = {**good.tensor, "parameters": {"binary_data_size": len(good.binary)}}
        head = json.dumps({"inputs": [tensor]}).encode() if dice.random() < 0.7 else b""
        case.body = head + good.binary
        case.headers["Inference-Header-Content-Length"] = str(len(head))
    if not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("feedback"), list) and ANSWERED and dice.random() < 0.5:
        case.body["feedback"] = [
            {"id": dice.choice(ANSWERED), "row": dice.randint(0, 2), "label": dice.choice(["low", "good"])}
            for _ in range(3)
        ]
    if isinstance(case.body.get("instances"), list) and dice.random() < 0.4:
        case.body["instances"] = good.instances
    if isinstance(case.body.get("inputs"), list) and dice.random() < 0.7:
        given = next((one for one in case.body["inputs"] if isinstance(one, dict)), {})
        kept = {key: value for key, value in given.items() if dice.random() < 0.15}
        case.body["inputs"] = [{**good.tensor, "data": good.data, **kept}]
        if dice.random() < 0.5:
            case.body.pop("outputs", None)


def ask(case: Any, source: str) -> Any:
    response = case.call()
    COUNTS[source, response.status_code] += 1
    if response.status_code == 200 and case.operation.path.endswith(":predict"):
        ANSWERED.append(response.json()["id"])
    if response.status_code >= 400:
        text = case.operation.path.startswith("/v2")
        assert isinstance(response.json()["error"], str if text else dict)
    return response


def cases(schema: Any, subtests: pytest.Subtests, check: Callable[[Any], None]) -> None:
    """Check every operation on the edges of its description and on random requests, well-formed and not."""
    config = schema.config.generation
    for found in schema.get_all_operations():
        operation = found.ok()
        with subtests.test(operation=operation.label):
            for case in schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=config
            ):
                check(case)
            for mode in GenerationMode:
                # Whatever stands in a path is a text: there is no wrong one.
                if mode == GenerationMode.POSITIVE or operation.body:
                    HYPOTHESIS(given(case=operation.as_strategy(mode))(check))()


def test_our_description_is_true(ours: Any, subtests: pytest.Subtests) -> None:
    # What a model takes, its description leaves open: a request can be well-formed and have the wrong width.
    excluded = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]

    def check(case: Any) -> None:
        case.validate_response(ask(case, "ours"), excluded_checks=excluded)

    cases(ours, subtests, check)


def test_the_published_description_is_kept(published: Any, subtests: pytest.Subtests) -> None:
    names = ("not_a_server_error", "content_type_conformance", "response_schema_conformance")
    kept = [schemathesis.checks.CHECKS.get_one(name) for name in names]
    status = schemathesis.checks.CHECKS.get_one("status_code_conformance")

    def check(case: Any) -> None:
        response = ask(case, "published")
        case.validate_response(response, checks=kept if response.status_code in SILENT else [*kept, status])

    cases(published, subtests, check)
