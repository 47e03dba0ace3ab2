"""The offline half: train ChainzRule networks, calibrate their reliability, export both as one ONNX graph."""

import service as service  # before onnxruntime, whose telemetry it turns off
