"""The container's health check, against the service as it runs there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import Exported
from tests.service.process import running

KEY = "a-key-of-some-length"


def probe(port: int, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"CHAINZRULE_HOST": "0.0.0.0", "CHAINZRULE_PORT": str(port), **environment}
    return subprocess.run(
        [sys.executable, "-m", "service.probe"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_says_whether_the_service_is_ready_also_over_tls_and_with_keys(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate, keys = tmp_path / "key.pem", tmp_path / "certificate.pem", tmp_path / "keys"
    request = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=plant.example", "-days", "2"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60)
    keys.write_text(f"# since November\n{KEY}\n")
    monkeypatch.setenv("CHAINZRULE_PUBLIC_HEALTH", "false")
    files = ("--tls-certificate", str(certificate), "--tls-key", str(key), "--api-keys-file", str(keys))
    with running(exported.repository, *files) as service:
        assert service.url.startswith("https://")
        port = urlsplit(service.url).port
        assert port is not None
        tls = {"CHAINZRULE_TLS_CERTIFICATE": str(certificate)}
        result = probe(port, **tls, CHAINZRULE_API_KEYS_FILE=str(keys))
        assert (result.returncode, result.stderr) == (0, "")
        refused = probe(port, **tls)
        assert refused.returncode == 1
        assert refused.stderr.startswith("not ready: 401 ")
        assert probe(port).returncode == 1  # not over plain HTTP
        answer = httpx2.get(f"{service.url}/v1/models", headers={"authorization": f"Bearer {KEY}"}, verify=False)
        assert answer.json() == {"models": ["plant"]}
    gone = probe(port, **tls)
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr


def test_a_service_without_a_model_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        result = probe(urlsplit(service.url).port or 0)
        assert result.returncode == 1
        assert "no model is being served" in result.stderr
