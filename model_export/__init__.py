"""The offline half: train ChainzRule networks, calibrate their reliability, export both as one ONNX graph."""
