"""Traffic that needs no more than a model's manifest: rows like its training's, then what turned out."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ROWS = 20


@contextmanager
def under_traffic(url: str, repository: Path) -> Iterator[None]:
    """Ask every model of `repository` for predictions, send feedback on them, and err now and then, until the end."""
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in repository.glob("*/*/manifest.json")]
    ended = threading.Event()

    def send() -> None:
        generator = random.Random(0)
        with httpx2.Client(base_url=url, trust_env=False) as client:
            while not ended.wait(0.1):
                for manifest in manifests:
                    _predict_and_tell(client, manifest, generator)
                    client.post(f"/v1/models/{manifest['name']}:predict", json={"instances": [{"unknown": 1}]})

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join(timeout=20)


def _predict_and_tell(client: httpx2.Client, manifest: dict[str, Any], generator: random.Random) -> None:
    rows = [_row(manifest["input"]["features"], generator) for _ in range(ROWS)]
    address = f"/v1/models/{manifest['name']}/versions/{manifest['version']}"
    answer = client.post(f"{address}:predict", json={"instances": rows}).raise_for_status().json()
    feedback = [
        {"id": answer["id"], "row": row, "label": _outcome(prediction, manifest["classes"], generator)}
        for row, prediction in enumerate(answer["predictions"])
    ]
    client.post(f"{address}:feedback", json={"feedback": feedback}).raise_for_status()


def _row(features: list[dict[str, Any]], generator: random.Random) -> dict[str, float | None]:
    return {
        feature["name"]: None
        if generator.random() < feature["missing_ratio"]
        else generator.gauss(feature["mean"], feature["standard_deviation"])
        for feature in features
    }


def _outcome(prediction: dict[str, Any], classes: list[str], generator: random.Random) -> str:
    """What turned out: the predicted label as often as the reliability says, else another one."""
    label: str = prediction["label"]
    if generator.random() < prediction["reliability"]["score"]:
        return label
    return generator.choice([other for other in classes if other != label])
