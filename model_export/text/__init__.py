"""Texts: encoders from local folders, their ONNX graphs, the embeddings they make, and their fine-tuning."""
