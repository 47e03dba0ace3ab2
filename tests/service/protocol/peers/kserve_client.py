"""Run by an interpreter that has `kserve`: its own client against the service at the address given."""

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

URL, MODEL, INPUT = sys.argv[1:4]
ROWS = np.array(json.loads(sys.argv[4]), dtype=np.float32)


def make_request(*, binary: bool, **more: Any) -> InferRequest:
    tensor = InferInput(INPUT, list(ROWS.shape), "FP32")
    tensor.set_data_from_numpy(ROWS, binary_data=binary)
    return InferRequest(MODEL, [tensor], request_id="k1", **more)


async def main() -> None:
    first = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await first.is_model_ready(URL, MODEL)
    v1 = await first.infer(URL, {"instances": ROWS.tolist()}, model_name=MODEL)
    expected = [prediction["reliability"]["score"] for prediction in v1["predictions"]]

    second = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await second.is_server_live(URL)
    assert await second.is_server_ready(URL)
    assert await second.is_model_ready(URL, MODEL)
    assert not await second.is_model_ready(URL, "nothing-of-that-name")
    for binary in (False, True):
        for request in (
            make_request(binary=binary),
            make_request(binary=binary, parameters={"binary_data_output": True}),
            make_request(
                binary=binary,
                request_outputs=[
                    RequestedOutput("reliability", {"binary_data": True}),
                    RequestedOutput("label", {"binary_data": False}),
                ],
            ),
        ):
            answer = await second.infer(URL, request, model_name=MODEL)
            assert answer.id == "k1"
            reliability = answer.get_output_by_name("reliability").as_numpy()
            np.testing.assert_allclose(reliability, expected, rtol=1e-6, atol=1e-7)
            assert answer.get_output_by_name("label").as_numpy().dtype == np.int64
            if not request.request_outputs:
                assert answer.get_output_by_name("sensitivity").as_numpy().shape == ROWS.shape
    await first.close()
    await second.close()
    sys.stdout.write(f"kserve {version('kserve')}")


asyncio.run(main())
