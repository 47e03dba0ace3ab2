"""The offline half: train ChainzRule networks, calibrate them, export them to ONNX, verify them. Needs torch."""
