"""Run by an interpreter that has `mlserver`: its own types and codecs against the service at the address given."""

import json
import sys
import urllib.request

import mlserver
import numpy as np
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.types import (
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
    RequestOutput,
)

URL, MODEL, INPUT = sys.argv[1:4]
ROWS = np.array(json.loads(sys.argv[4]), dtype=np.float32)


def get(path: str) -> bytes:
    with urllib.request.urlopen(URL + path) as response:
        content: bytes = response.read()
    return content


def infer(request: InferenceRequest) -> InferenceResponse:
    # As it writes itself, nulls included.
    content = request.model_dump_json().encode()
    sent = urllib.request.Request(f"{URL}/v2/models/{MODEL}/infer", content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent) as response:
        return InferenceResponse.model_validate_json(response.read())


server = MetadataServerResponse.model_validate_json(get("/v2"))
assert "binary_tensor_data" in server.extensions
model = MetadataModelResponse.model_validate_json(get(f"/v2/models/{MODEL}"))
request = InferenceRequest(id="m1", inputs=[NumpyCodec.encode_input(INPUT, ROWS)])
answer = infer(request)
assert answer.id == "m1"
assert [output.name for output in answer.outputs] == [output.name for output in model.outputs]
assert [output.datatype for output in answer.outputs] == [output.datatype for output in model.outputs]
by_name = {output.name: NumpyCodec.decode_output(output) for output in answer.outputs}
assert by_name["sensitivity"].shape == ROWS.shape
np.testing.assert_allclose(by_name["probabilities"].sum(1), 1, rtol=1e-5)

chosen = infer(request.model_copy(update={"outputs": [RequestOutput(name="reliability"), RequestOutput(name="label")]}))
table = PandasCodec.decode_response(chosen)
assert list(table.columns) == ["reliability", "label"]
np.testing.assert_allclose(table["reliability"], by_name["reliability"].ravel(), rtol=1e-6)
sys.stdout.write(f"mlserver {mlserver.__version__}")
