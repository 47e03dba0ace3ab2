"""The limits and the secrets of the whole process, over its real socket."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Exported

KEY, ADMIN = "a-key-of-some-length", "an-admin-key-of-some-length"
PREDICT = "/v1/models/plant:predict"
ARGUMENTS = "--port 0 --max-header-bytes 2048 --max-body-bytes 2000 --receive-seconds 1.5 --drain-seconds 0".split()  # noqa: SIM905


class Process(NamedTuple):
    client: httpx2.Client
    address: tuple[str, int]
    log: list[str]

    def errors(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        return {
            sample.labels["code"]: sample.value
            for family in families
            for sample in family.samples
            if sample.name == "chainzrule_errors_total"
        }

    def say(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Send pieces over one connection and return what came back until its end."""
        with socket.create_connection(self.address, timeout=20) as connection:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received


@pytest.fixture(scope="module")
def process(exported: Exported) -> Iterator[Process]:
    """One process with keys and small limits, logging everything."""
    environment = {**os.environ, "CHAINZRULE_API_KEYS": KEY, "CHAINZRULE_ADMIN_KEYS": ADMIN}
    command = [sys.executable, "-m", "service", "--repository", str(exported.repository), *ARGUMENTS]
    command += ["--log-level", "debug", "--log-format", "json"]
    log: list[str] = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            log.append(line)
            if "running on" in line:
                break
        reader = threading.Thread(target=lambda: log.extend(running.stderr or ()), daemon=True)
        reader.start()
        url = next(word for word in json.loads(log[-1])["message"].split() if word.startswith("http://"))
        parts = urlsplit(url)
        try:
            with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=20) as client:
                yield Process(client, (parts.hostname or "", parts.port or 0), log)
        finally:
            running.terminate()
            running.wait(20)
            reader.join(20)


def head(method: str, path: str, *headers: str, key: str = KEY) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"authorization: Bearer {key}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_heads_and_bodies_are_bounded_in_bytes_and_seconds_and_every_refusal_counted(process: Process) -> None:
    before = process.errors()
    chunked = head("POST", PREDICT, "transfer-encoding: chunked", "connection: close")
    chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
    answers = [
        process.say(head("GET", "/v1/models", "x-filler: " + "y" * 2048)),
        process.say(b"GET /v1/models HT"),
        process.say(b"\x16\x03\x01"),
        process.say(chunked, chunk, chunk, chunk),
        process.say(chunked, chunk),
        process.say(head("POST", PREDICT, "content-length: 2001", "connection: close")),
    ]
    statuses = [answer.split(b" ", 2)[1] for answer in answers]
    assert statuses == [b"431", b"408", b"400", b"413", b"408", b"413"]
    for answer in answers:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
        assert b"Traceback" not in answer
    after = process.errors()
    assert {code: after[code] - before[code] for code in after if after[code] != before[code]} == {
        "head_too_large": 1,
        "request_timeout": 2,
        "malformed_request": 1,
        "body_too_large": 2,
    }


def test_a_good_client_keeps_its_connection(process: Process) -> None:
    body = {"instances": [[20, 5, 1000, 0]]}
    for _ in range(50):
        assert process.client.post(PREDICT, json=body).status_code == 200
    time.sleep(2)  # longer than a head or a body may take
    assert process.client.post(PREDICT, json=body).status_code == 200


def test_a_body_that_fits_before_an_expected_100_is_read_after_it(process: Process) -> None:
    content = b'{"instances": [[20, 5, 1000, 0]]}'
    request = head("POST", PREDICT, f"content-length: {len(content)}", "expect: 100-continue", "connection: close")
    answer = process.say(request, content, pause=0.05)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
    refused = process.say(head("POST", PREDICT, "content-length: 9999", "expect: 100-continue", "connection: close"))
    assert refused.startswith(b"HTTP/1.1 413")


def test_no_key_and_no_text_of_a_client_is_in_the_log(process: Process) -> None:
    wrong = "a-wrong-key-of-some-length"
    for key in (KEY, ADMIN, wrong):
        for path in ("/v2", "/v2/repository/index", "/forged%0a%25s", "/v1/models/forged"):
            process.client.get(path, headers={"authorization": f"Bearer {key}"})
            process.client.post(path, content=b"forged", headers={"authorization": f"Bearer {key}"})
    process.client.get("/v2/health/live", headers={"x-request-id": "the-last"})
    deadline = time.monotonic() + 20
    while not any("the-last" in line for line in process.log) and time.monotonic() < deadline:
        time.sleep(0.02)
    lines: list[dict[str, Any]] = [json.loads(line) for line in process.log]
    assert {line["status"] for line in lines if line["message"] == "request answered"} >= {200, 401, 404, 405}
    text = "".join(process.log)
    for secret in (KEY, ADMIN, wrong, "forged"):
        assert secret not in text
