"""The online half: serves exported models over HTTP by onnxruntime, each prediction with its reliability."""

import os

__version__ = "0.1.0"

# Since 1.29 the official onnxruntime reports every session it makes to its vendor unless this stands before it is
# loaded. A service that handles other people's data calls nobody.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
