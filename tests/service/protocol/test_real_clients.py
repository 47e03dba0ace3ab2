"""The clients that people have, unchanged, against the whole process."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.http import aio as triton_aio
from tritonclient.utils import InferenceServerException

from service.inference.model import Model, Scores
from service.manifest import OUTPUTS
from tests.conftest import Exported, make_table
from tests.service.process import Process, running

ADMIN_KEY = "0123456789abcdef"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
ROWS = make_table(9, seed=6)[0].to_numpy(np.float32)
assert np.isnan(ROWS).any()
KNOWN = ROWS[~np.isnan(ROWS).any(axis=1)]
PEERS = Path(__file__).parent / "peers"


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Process]:
    with running(exported.repository, "--threads", "1", CHAINZRULE_ADMIN_KEYS=ADMIN_KEY) as process:
        yield process


@pytest.fixture(scope="module")
def address(service: Process) -> str:
    return service.url.removeprefix("http://")


@pytest.fixture(scope="module")
def model(exported: Exported) -> Model:
    return Model.load(exported.folder, threads=1)


def tensor(kind: Any, rows: NDArray[np.float32], *, binary: bool) -> Any:
    """A request's input; JSON has no word for NaN, and the client writes none."""
    made = kind.InferInput("features", list(rows.shape), "FP32")
    made.set_data_from_numpy(rows, binary_data=binary)
    return made


def check(answer: Any, expected: Scores) -> None:
    for output in OUTPUTS:
        values = answer.as_numpy(output.name)
        assert values.dtype == expected[output.name].dtype
        np.testing.assert_allclose(values, expected[output.name], rtol=1e-5, atol=1e-6)
    assert (answer.get_response()["model_name"], answer.get_response()["model_version"]) == ("plant", "1")


def test_tritons_client_finds_health_metadata_and_the_repository(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("plant")
        assert client.is_model_ready("plant", "1")
        assert not client.is_model_ready("mill")
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data", "model_repository"]
        metadata = client.get_model_metadata("plant", "1")
        assert [output["name"] for output in metadata["outputs"]] == [output.name for output in OUTPUTS]
        assert client.get_model_repository_index(headers=ADMIN) == [
            {"name": "plant", "version": "1", "state": "READY", "reason": ""}
        ]
        client.unload_model("plant", headers=ADMIN)
        assert not client.is_model_ready("plant")
        client.load_model("plant", headers=ADMIN)
        assert client.is_model_ready("plant")


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritons_client_has_the_same_answer_in_binary_and_json(
    address: str, model: Model, compression: str | None
) -> None:
    every = [
        [triton.InferRequestedOutput(output.name, binary_data=binary) for output in OUTPUTS] for binary in (False, True)
    ]
    with triton.InferenceServerClient(address) as client:
        for rows, binary in ((ROWS, True), (KNOWN, True), (KNOWN, False)):
            for outputs in (None, *every):
                answer = client.infer(
                    "plant",
                    [tensor(triton, rows, binary=binary)],
                    outputs=outputs,
                    request_id="t1",
                    timeout=1_000_000,
                    priority=1,
                    parameters={"colour": "red"},
                    request_compression_algorithm=compression,
                )
                assert answer.get_response()["id"] == "t1"
                check(answer, model.score(rows))


def test_tritons_client_can_mix_binary_and_json_outputs(address: str, model: Model) -> None:
    outputs = [
        triton.InferRequestedOutput(name, binary_data=binary)
        for name, binary in (("sensitivity", True), ("label", False), ("reliability", True))
    ]
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("plant", [tensor(triton, ROWS, binary=True)], model_version="1", outputs=outputs)
    expected = model.score(ROWS)
    for name in ("sensitivity", "label", "reliability"):
        np.testing.assert_allclose(answer.as_numpy(name), expected[name], rtol=1e-5, atol=1e-6)
    assert answer.as_numpy("probabilities") is None


def test_tritons_asyncio_client_too(address: str, model: Model) -> None:
    asyncio.run(ask_asyncio_client(address, model))


async def ask_asyncio_client(address: str, model: Model) -> None:
    async with triton_aio.InferenceServerClient(address) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("plant")
        assert (await client.get_server_metadata())["name"] == "chainzrule"
        assert (await client.get_model_metadata("plant"))["versions"] == ["1"]
        assert [found["state"] for found in await client.get_model_repository_index(headers=ADMIN)] == ["READY"]
        for rows, binary in ((ROWS, True), (KNOWN, False)):
            for outputs in (None, [triton_aio.InferRequestedOutput(o.name, binary_data=False) for o in OUTPUTS]):
                answer = await client.infer("plant", [tensor(triton_aio, rows, binary=binary)], outputs=outputs)
                check(answer, model.score(rows))


def test_tritons_client_is_told_what_is_wrong(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        with pytest.raises(InferenceServerException, match="no model is called 'mill'"):
            client.infer("mill", [tensor(triton, ROWS, binary=True)])
        with pytest.raises(InferenceServerException, match="JSON has no NaN"):
            client.infer("plant", [tensor(triton, ROWS, binary=False)])
        with pytest.raises(InferenceServerException, match="classification is not supported"):
            client.infer(
                "plant",
                [tensor(triton, ROWS, binary=True)],
                outputs=[triton.InferRequestedOutput("probabilities", class_count=2)],
            )
        shared = triton.InferInput("features", list(ROWS.shape), "FP32")
        shared.set_shared_memory("region", ROWS.nbytes)
        with pytest.raises(InferenceServerException, match="shared_memory_region is not supported"):
            client.infer("plant", [shared])


@pytest.mark.parametrize("peer", ["kserve", "mlserver"])
def test_the_clients_of_peers_too(service: Process, peer: str) -> None:
    variable = f"CHAINZRULE_{peer.upper()}_PYTHON"
    interpreter = os.environ.get(variable)
    if not interpreter:
        pytest.skip(f"{peer} pins other versions than ours: name a Python that has it in {variable}")
    script = str(PEERS / f"{peer}_client.py")
    command = [interpreter, script, service.url, "plant", "features", json.dumps(KNOWN.tolist())]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(peer)
