import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import ArrayLike

from model_export.errors import VerificationError
from model_export.graph.folder_check import check_folder
from tests.conftest import Exported
from tests.onnx_edit import alter, change_output, rename


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    exported: Exported = request.getfixturevalue(request.param)
    return Path(shutil.copytree(exported.folder, tmp_path / "1"))


@pytest.mark.parametrize(
    ("folder", "output", "factor", "complaint"),
    [
        ("exported", "sensitivity", 1.1, "jacobian_norm is not that of sensitivity"),
        ("exported", "boundary_distance", 1.1, "boundary_distance is not margin over norm"),
        ("exported", "reliability", 0.5, "reliability is not what the manifest's weights make"),
        ("exported", "typicality", 0.001, "typicality leaves the range"),
        ("exported", "typicality", 0.9, "typicality leaves the range|reliability is not what"),
        ("exported", "probabilities", 0.9, "do not add up to 1"),
        ("exported", "label", np.array(0), "label is not the likeliest class"),
        ("ordinal", "label", np.array(0), "label is not the median level"),
        ("ordinal", "expected_level", 1.1, "expected_level is not the mean of the distribution"),
        ("ordinal", "sensitivity", 1.1, "jacobian_norm is not that of sensitivity"),
        ("ordinal", "boundary_distance", 1.1, "boundary_distance is not margin over norm"),
        ("ordinal", "tail_ratio", 1.1, "tail_ratio is not jacobian_norm over its mean"),
        ("texts", "sensitivity", 1.1, "jacobian_norm is not that of sensitivity"),
        ("texts", "boundary_distance", 1.1, "boundary_distance is not margin over norm"),
        ("images", "sensitivity", 1.1, "jacobian_norm is not that of sensitivity"),
        ("images", "jacobian_norm", 1.1, "jacobian_norm is not that of sensitivity"),
        ("images", "typicality", 0.001, "typicality leaves the range"),
        ("images", "reliability", 0.5, "reliability is not what the manifest's weights make"),
    ],
    indirect=["folder"],
)
def test_a_graph_whose_outputs_contradict_each_other_is_found(
    folder: Path, output: str, factor: ArrayLike, complaint: str
) -> None:
    alter(folder, lambda model: change_output(model, output, "Mul", factor))
    with pytest.raises(VerificationError, match=complaint):
        list(check_folder(folder))


@pytest.mark.parametrize("folder", ["exported", "images"], indirect=True)
def test_a_tail_ratio_that_is_over_no_mean_of_its_classes_is_found(folder: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        rename(model, "tail_ratio", "tail_ratio before")
        model.graph.node.append(onnx.helper.make_node("Mul", ["tail_ratio before", "reliability"], ["tail_ratio"]))

    alter(folder, change)
    with pytest.raises(VerificationError, match="over one mean for all rows between"):
        list(check_folder(folder))
