"""`python -m service.probe`: whether the service beside it is ready, for a container that has no shell and no curl.

It reads the variables that say where the service listens, and nothing else of the service: it runs every few seconds.
"""

import os
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

_SECONDS = 2.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked about, not listened on


def main() -> int:
    """Return 0 if the service is ready, else 1 with the reason on standard error."""
    host = os.environ.get("CHAINZRULE_HOST", "127.0.0.1")
    address = _ANY_ADDRESS.get(host, host), int(os.environ.get("CHAINZRULE_PORT", "8080"))
    connection: HTTPConnection
    if os.environ.get("CHAINZRULE_TLS_CERTIFICATE"):
        # The certificate is for the name that clients use, and this is the same machine.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(*address, timeout=_SECONDS, context=context)
    else:
        connection = HTTPConnection(*address, timeout=_SECONDS)
    try:
        connection.request("GET", "/v2/health/ready", headers=_headers())
        answer = connection.getresponse()
        reason = f"{answer.status} {answer.read(500).decode(errors='replace')}"
    except (OSError, HTTPException) as error:
        answer, reason = None, str(error) or type(error).__name__
    if answer is not None and answer.status == 200:
        return 0
    sys.stderr.write(f"not ready: {reason}\n")
    return 1


def _headers() -> dict[str, str]:
    """Return a key where there is one: health may not be public."""
    file = os.environ.get("CHAINZRULE_API_KEYS_FILE")
    lines = Path(file).read_text(encoding="utf-8").splitlines() if file else []
    given = os.environ.get("CHAINZRULE_API_KEYS", "").split(",")
    keys = [key for text in (*given, *lines) if (key := text.strip()) and not key.startswith("#")]
    return {"authorization": f"Bearer {keys[0]}"} if keys else {}


if __name__ == "__main__":
    sys.exit(main())
