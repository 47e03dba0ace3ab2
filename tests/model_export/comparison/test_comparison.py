"""Versions of every kind, compared through the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from model_export import commands
from service.manifest import MANIFEST_FILE
from tests.conftest import Exported, load_grades, load_plant, make_measured
from tests.own_table import make_loans

runner = CliRunner()


def found(old: Path, new: Path, data: Path, *options: str, status: int = 0) -> dict[str, Any]:
    result = runner.invoke(commands.app, ["compare", str(old), str(new), "--data", str(data), "--json", *options])
    assert result.exit_code == status, result.output
    comparison: dict[str, Any] = json.loads(result.output)
    return comparison


def refusal(old: Path, new: Path, data: Path, *options: str) -> str:
    result = runner.invoke(commands.app, ["compare", str(old), str(new), "--data", str(data), *options])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    message: str = result.stderr
    return message


def edited(folder: Path, copy: Path, **changes: object) -> Path:
    """The same graph under another manifest."""
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / MANIFEST_FILE).read_text())
    (copy / MANIFEST_FILE).write_text(json.dumps(manifest | changes))
    return copy


def written(frame: pd.DataFrame, file: Path) -> Path:
    frame.to_parquet(file) if file.suffix == ".parquet" else frame.to_csv(file, index=False)
    return file


def assert_same(comparison: dict[str, Any], rows: int) -> None:
    assert comparison["rows"] == rows
    assert comparison["disagreements"]["rows"] == 0
    assert not comparison["worse"]
    for figure in comparison["figures"]:
        assert figure["old"] == figure["new"], figure
        assert figure["difference"] in {0, None}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_version_is_as_good_as_itself_from_either_kind_of_file(loans: Exported, tmp_path: Path, suffix: str) -> None:
    frame = make_loans(400, seed=77).drop(columns=["number", "country"])
    comparison = found(loans.folder, loans.folder, written(frame, tmp_path / f"loans.{suffix}"))
    assert_same(comparison, 400)
    accuracy = comparison["figures"][0]
    assert accuracy["name"] == "accuracy"
    assert accuracy["old"] > 0.8


def test_a_version_with_the_classes_mixed_up_is_worse_and_says_where(loans: Exported, tmp_path: Path) -> None:
    swapped = edited(loans.folder, tmp_path / "swapped", version=2, classes=["yes", "no"])
    data = written(make_loans(300, seed=78), tmp_path / "loans.csv")
    comparison = found(loans.folder, swapped, data, status=1)
    assert comparison["worse"]
    apart = comparison["disagreements"]
    assert apart["rows"] == apart["old_right"] + apart["new_right"] == 300
    assert {(cell["old"], cell["new"]) for cell in apart["cells"]} == {("yes", "no"), ("no", "yes")}
    assert sum(cell["rows"] for cell in apart["cells"]) == 300
    assert apart["cells"][0]["places"][0].startswith("row ")
    assert any(change.startswith("order of the classes") for change in comparison["changes"])
    assert not found(loans.folder, swapped, data, "--tolerance", "0.99")["worse"]


def test_rows_that_cannot_be_read_are_named_and_left_out(loans: Exported, tmp_path: Path) -> None:
    frame = make_loans(300, seed=79).astype({"amount": object, "paid": object})
    frame.loc[2, "amount"] = "a lot"
    frame.loc[4, "since"] = "2024-02-31"
    frame.loc[6, "paid"] = None
    frame.loc[8, "paid"] = "perhaps"
    data = written(frame, tmp_path / "loans.csv")
    comparison = found(loans.folder, loans.folder, data, "--target", "paid")
    assert comparison["rows"] == 296
    why = {left["place"]: left["why"] for left in comparison["left_out"]}
    assert list(why) == ["row 3", "row 5", "row 7", "row 9"]
    assert "version 1 of loans refuses it: amount of row 3 is" in why["row 3"]
    assert "since of row 5 is '2024-02-31', which is no date" in why["row 5"]
    assert why["row 7"] == "it has no label"
    assert "'perhaps', which neither version has" in why["row 9"]
    result = runner.invoke(
        commands.app, ["compare", str(loans.folder), str(loans.folder), "--data", str(data), "--target", "paid"]
    )
    assert "4 rows left out" in result.output
    assert "differ on the label in no row" in result.output


def test_levels_and_their_order_are_compared(ordinal: Exported, tmp_path: Path) -> None:
    frame = load_grades().assign(stars=lambda rows: rows["stars"].map({1: "1 star", 2: "2 stars", 3: "3 stars"}))
    comparison = found(ordinal.folder, ordinal.folder, written(frame.head(200), tmp_path / "stars.csv"))
    assert_same(comparison, 200)
    assert [figure["name"] for figure in comparison["figures"][:2]] == ["accuracy", "levels off"]


def test_a_class_that_one_version_lacks_is_answered_wrongly_by_it(exported: Exported, tmp_path: Path) -> None:
    other = edited(exported.folder, tmp_path / "other", version=2, classes=["low", "medium", "extreme"])
    comparison = found(exported.folder, other, written(load_plant().head(300), tmp_path / "plant.csv"), status=1)
    assert "classes: added extreme; dropped high" in comparison["changes"]
    assert comparison["rows"] == 300


def test_numbers_are_compared_by_their_error(regression: Exported, tmp_path: Path) -> None:
    table, truth = make_measured(200, seed=80)
    frame = table.assign(**{"yield": truth})
    frame.loc[3, "yield"] = np.inf
    comparison = found(regression.folder, regression.folder, written(frame, tmp_path / "yield.parquet"))
    assert_same(comparison, 199)
    assert comparison["left_out"] == [{"place": "row 4", "why": "its label is 'inf', which is no finite number"}]
    figures = {figure["name"]: figure["old"] for figure in comparison["figures"]}
    assert next(iter(figures)) == "mean absolute error"
    assert 0.7 < figures["truths in their intervals"] <= 1


def test_texts_are_found_among_the_columns(texts: Exported, tmp_path: Path) -> None:
    said = ["the film was very good", "the film was not boring", "it was bad", "", "loved it"] * 3
    frame = pd.DataFrame({"said": said, "stars": ["good", "good", "bad", "middling", "good"] * 3})
    comparison = found(texts.folder, texts.folder, written(frame, tmp_path / "texts.csv"))
    assert_same(comparison, 12)
    assert "row 4 is an empty text" in comparison["left_out"][0]["why"]


def test_pictures_lie_in_a_folder_for_each_class(images: Exported, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("bad", "middling", "good"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = generator.integers(0, 256, (9, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "bad" / "0.png").write_bytes(b"no picture")
    comparison = found(images.folder, images.folder, tmp_path / "photos")
    assert_same(comparison, 23)
    assert comparison["left_out"][0]["place"] == str(Path("bad", "0.png"))


def test_what_cannot_be_compared_is_refused_with_what_differs(
    exported: Exported, regression: Exported, texts: Exported, loans: Exported, tmp_path: Path
) -> None:
    data = written(make_loans(50, seed=81), tmp_path / "loans.csv")
    assert "the one takes tables and the other texts" in refusal(exported.folder, texts.folder, data)
    assert "a number and the other a class" in refusal(exported.folder, regression.folder, data)
    assert "they have no class in common" in refusal(exported.folder, loans.folder, data)
    assert "has no manifest.json" in refusal(exported.folder, tmp_path, data)
    assert "nowhere.csv cannot be read" in refusal(loans.folder, loans.folder, tmp_path / "nowhere.csv")
    lacking = written(make_loans(50, seed=81).drop(columns="city"), tmp_path / "lacking.csv")
    assert "lacks city, which version 1 of loans takes" in refusal(loans.folder, loans.folder, lacking)
    assert "'city' is an input of a version" in refusal(loans.folder, loans.folder, data, "--target", "city")
    twice = written(make_loans(50, seed=81).assign(again=lambda rows: rows["paid"]), tmp_path / "twice.csv")
    assert "paid, again would do: say with --target" in refusal(loans.folder, loans.folder, twice)
    assert "is a folder of pictures" in refusal(loans.folder, loans.folder, tmp_path, "--target", "paid")
    unknown = written(make_loans(50, seed=81).assign(paid="perhaps"), tmp_path / "unknown.csv")
    assert "no row of" in refusal(loans.folder, loans.folder, unknown)


def test_what_the_manifests_say_differently_is_said(loans: Exported, tmp_path: Path) -> None:
    manifest = json.loads((loans.folder / MANIFEST_FILE).read_text())
    features = [dict(feature) for feature in manifest["input"]["features"]]
    by_name = {feature["name"]: feature for feature in features}
    by_name["city"]["categories"] = ["Rome", "Oslo", "Bern"]
    by_name["amount"] |= {"unit": "EUR", "may_be_missing": False}
    training = manifest["training"] | {"data": "newer loans", "rows": 12345}
    copy = edited(
        loans.folder, tmp_path / "new", version=2, input=manifest["input"] | {"features": features}, training=training
    )
    data = written(make_loans(40, seed=82), tmp_path / "loans.csv")
    changes = found(loans.folder, copy, data, "--tolerance", "1")["changes"]
    for change in (
        "categories of city: added Bern; dropped Bonn",
        "unit of amount: none, now EUR",
        "amount may no longer be missing",
    ):
        assert change in changes
    assert any(change.endswith("now on 12,345 rows of newer loans") for change in changes)
