"""Manifests for Kubernetes, and what makes one of them."""
