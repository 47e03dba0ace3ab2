"""The command line and a running service, as the examples use them."""

import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

_PATIENCE = 60


def run(*words: str) -> None:
    """Run a command of the command line, and show it first.

    Raises:
        CalledProcessError: if it fails, having said why.
    """
    print(f"$ chainzrule {shlex.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "model_export", *words], check=True)


class Endpoint:
    """A service to be asked.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def predict(self, model: str, instance: object) -> dict[str, Any]:
        """Return the prediction for one instance."""
        body = json.dumps({"instances": [instance]}).encode()
        with urlopen(Request(f"{self._url}/v1/models/{model}:predict", body), timeout=10) as answer:
            predictions: list[dict[str, Any]] = json.load(answer)["predictions"]
        return predictions[0]

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Return once it is ready.

        Raises:
            RuntimeError: if it has ended, or is not ready in a minute.
        """
        deadline = monotonic() + _PATIENCE
        while process.poll() is None and monotonic() < deadline:
            try:
                with urlopen(f"{self._url}/v2/health/ready", timeout=5):
                    return
            except (URLError, ConnectionError):
                sleep(0.05)
        raise RuntimeError("the service did not get ready")


@contextmanager
def serve(repository: Path) -> Iterator[Endpoint]:
    """Serve a repository on a free port for as long as the context lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--repository", str(repository), "--port", str(port), "--drain-seconds", "0"]
    print(f"$ chainzrule {shlex.join(words[:3])}")
    with subprocess.Popen([sys.executable, "-m", "model_export", *words, "--log-level", "warning"]) as process:
        try:
            endpoint = Endpoint(f"http://127.0.0.1:{port}")
            endpoint.wait(process)
            yield endpoint
        finally:
            process.terminate()


def told(prediction: dict[str, Any]) -> str:
    """Return in one line what a prediction says of itself."""
    reliability = prediction["reliability"]
    words = f"{prediction['label']}: score {reliability['score']:.2f}, typicality {reliability['typicality']:.3f}"
    return words + "".join(f", unseen {name}" for name in reliability.get("unseen", ()))
