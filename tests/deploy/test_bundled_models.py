from pathlib import Path

import pytest

from model_export.graph.folder_check import check_folder
from model_export.tasks import TASKS, pima
from model_export.tasks.data import DATA_VARIABLE, local_file
from service.manifest import MODEL_FILE
from service.version_folder import read_manifest

MODELS = Path(__file__).parents[2] / "deploy" / "models"


@pytest.mark.parametrize("folder", sorted(MODELS.glob("*/*")), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_every_bundled_version_verifies_where_it_stands(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert (manifest.name, str(manifest.version)) == (folder.parent.name, folder.name)
    assert sum(finding.checked for finding in check_folder(folder)) >= 6
    assert (folder / MODEL_FILE).stat().st_size < 2_000_000


def test_pima_is_bundled_with_its_held_out_figures() -> None:
    evaluation = read_manifest(MODELS / "pima" / "1").evaluation
    assert evaluation.rows == 154
    assert evaluation.accuracy > evaluation.majority_accuracy


@pytest.mark.data
@pytest.mark.skipif(local_file(pima.FILE) is None, reason=f"{pima.FILE} is not in the folder {DATA_VARIABLE} names")
def test_the_command_in_the_docs_makes_the_bundled_pima_model_again(tmp_path: Path) -> None:
    bundled = read_manifest(MODELS / "pima" / "1")
    again = read_manifest(TASKS["pima"].export(tmp_path, seed=bundled.training.seed))
    # Another processor may round differently in training; what was learned must still be the same.
    assert again.training.rows == bundled.training.rows
    assert again.evaluation.accuracy == pytest.approx(bundled.evaluation.accuracy, abs=0.04)
    assert again.reference.tail_ratio == pytest.approx(bundled.reference.tail_ratio, abs=0.05)
    assert again.input == bundled.input
