"""The online half: serves exported models over HTTP by onnxruntime, each prediction with its reliability."""

__version__ = "0.1.0"
