from pathlib import Path

import pytest

from model_export.examples.existing_network import SHAPES, main
from model_export.graph.folder_check import check_folder
from service.version_folder import read_manifest


def test_an_ordinary_network_becomes_a_version_that_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = main(tmp_path, rows=900, epochs=4)
    manifest = read_manifest(folder)
    assert manifest.classes == SHAPES
    assert manifest.evaluation.accuracy > 0.8
    assert "around it" in " ".join(manifest.network.layers)
    findings = list(check_folder(folder))
    assert findings[-1].text.startswith("sensitivity is the gradient of the margin: finite differences agree")
    printed = capsys.readouterr().out
    for said in ("4.relu (ReLU): relu", "before conversion", "after fine-tuning", "reliability", "chainzrule serve"):
        assert said in printed
