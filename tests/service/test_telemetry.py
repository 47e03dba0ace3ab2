import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Exported


@pytest.mark.parametrize("first", ["service.inference.model", "model_export.graph.verification"])
def test_onnxruntime_is_kept_from_calling_home(exported: Exported, tmp_path: Path, first: str) -> None:
    program = (
        f"import {first}; from pathlib import Path; from service.inference.model import Model; "
        f"Model.load(Path({str(exported.folder)!r}), threads=1)"
    )
    # As on a user's machine: onnxruntime also keeps quiet where it sees that it is being tested.
    environment = {key: value for key, value in os.environ.items() if key not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    subprocess.run([sys.executable, "-c", program], env={**environment, "HOME": str(tmp_path)}, check=True, timeout=60)
    assert not list(tmp_path.rglob("*")), "onnxruntime made itself a device identifier"
