"""Answers of the Open Inference Protocol in pieces, so that no health check waits for a long one to be written."""

import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from service.inference.model import Model
from service.inference.rows import RowLimits
from service.manifest import OUTPUTS
from service.protocol.json_tensors import in_pieces, to_json
from service.protocol.tensors import TensorCodec, Tensors
from service.version_folder import read_manifest
from tests.conftest import Exported
from tests.service.inference.made_run import scored

WIDTHS = {"probabilities": 3, "sensitivity": 384}


def answer(exported: Exported, rows: int, outputs: list[dict[str, Any]]) -> tuple[list[bytes], dict[bytes, bytes]]:
    model = cast("Model", SimpleNamespace(manifest=read_manifest(exported.folder)))
    codec = TensorCodec(Tensors(model, RowLimits(rows, 1)), {})
    tensor = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [20, 5, 1000, 0]}
    codec.read(json.dumps({"id": "a1", "inputs": [tensor], "outputs": outputs}).encode())
    scores = {
        output.name: np.random.default_rng(1).normal(
            size=(rows, WIDTHS[output.name]) if output.name in WIDTHS else rows
        )
        for output in OUTPUTS
    }
    floats = {name: values.astype(np.float32) for name, values in scores.items()}
    written = list(codec.write(scored(model.manifest, floats | {"label": np.arange(rows)})))
    return written, dict(codec.headers())


def test_a_long_answer_is_written_in_short_pieces(exported: Exported) -> None:
    pieces, _ = answer(exported, 10_000, [])
    whole = b"".join(pieces)
    assert len(whole) > 30_000_000
    assert max(map(len, pieces)) < 1_000_000
    content = json.loads(whole)
    assert content["id"] == "a1"
    found = {output["name"]: (output["shape"], len(output["data"])) for output in content["outputs"]}
    assert list(found) == [output.name for output in OUTPUTS]
    assert found["sensitivity"] == ([10_000, 384], 3_840_000)
    assert content["outputs"][0]["data"] == list(range(10_000))


def test_a_short_answer_is_one_piece(exported: Exported) -> None:
    pieces, _ = answer(exported, 3, [])
    assert len(pieces) == 1


def test_the_header_counts_the_json_of_all_pieces(exported: Exported) -> None:
    chosen: list[dict[str, Any]] = [
        {"name": "sensitivity"},
        {"name": "reliability", "parameters": {"binary_data": True}},
    ]
    pieces, headers = answer(exported, 2000, chosen)
    length = int(headers[b"inference-header-content-length"])
    whole = b"".join(pieces)
    assert len(pieces) > 3
    assert len(whole) - length == 4 * 2000
    assert json.loads(whole[:length])["outputs"][1]["parameters"] == {"binary_data_size": 8000}


@pytest.mark.parametrize("size", [0, 1, 32_767, 32_768, 32_769, 65_536])
def test_the_parts_of_a_tensor_are_one_list(size: int) -> None:
    values = np.arange(size, dtype=np.int64)
    assert json.loads(b"".join(to_json(values))) == values.tolist()


def test_pieces_lose_nothing() -> None:
    parts = [bytes([index % 256]) * (index * 700) for index in range(60)]
    assert b"".join(in_pieces(parts)) == b"".join(parts)
    assert list(in_pieces([])) == []
