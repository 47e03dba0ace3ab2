"""What is scored in bulk is what the service answers for the same rows, and what it refuses of them."""

import csv
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Exported, make_table
from tests.model_export.scoring.scoring_files import read_rejected, read_rows, run_score
from tests.own_table import ROW, make_loans, make_tickets
from tests.service.client import serving

Row = dict[str, Any]

_GOOD: Row = {**ROW, "grade": "A"}

_CHANGES: list[Row] = [
    {},
    {"city": "Atlantis"},
    {"city": "  Oslo "},
    {"city": None},
    {"city": ""},
    {"since": "2024-02-29T12:30:00+02:00"},
    {"since": "2024-02-30"},
    {"since": "29.2.2024"},
    {"since": None, "city": "Rome"},
    {"amount": 1e39},
    {"amount": None},
    {"grade": "Z", "amount": -5.0},
]
"""Of a good row, for better or worse."""


def answers_of(exported: Exported, name: str, instances: list[Any]) -> list[tuple[int, Row]]:
    """What the service says to each instance by itself, with the status."""
    with serving(exported.repository) as service:
        answers = [
            service.client.post(f"/v1/models/{name}:predict", json={"instances": [instance]}) for instance in instances
        ]
    return [(answer.status_code, answer.json()) for answer in answers]


def check_same(output: Path, answers: list[tuple[int, Row]]) -> int:
    """Compare the rows and the rejected ones with the service's answers; return how many were rejected."""
    rows = iter(read_rows(output).to_pylist())
    rejected = {row["row"]: row for row in (read_rejected(output) if (output / "_rejected").exists() else [])}
    for number, (status, answer) in enumerate(answers, 1):
        if status != 200:
            error = answer["error"]
            said = (error["code"], error.get("field"), error["message"].replace("row 0", f"row {number}"))
            found = rejected.pop(number)
            assert (found["code"], found["field"], found["reason"]) == said
            continue
        row, (prediction,) = next(rows), answer["predictions"]
        reliability = prediction["reliability"]
        got = [row["chainzrule_advice"], row["chainzrule_out_of_distribution"]]
        assert got == [reliability["advice"], reliability["out_of_distribution"]]
        expected = {"reliability": reliability["score"], "typicality": reliability["typicality"]}
        if "value" in prediction:
            interval = prediction["interval"]
            expected |= {"value": prediction["value"], "lower": interval["lower"], "upper": interval["upper"]}
        else:
            assert row["chainzrule_label"] == prediction["label"]
            expected["probability"] = prediction["probabilities"][prediction["label"]]
        for name in ("expected_level", "truncated"):
            if name in prediction:
                expected[name] = prediction[name]
        assert {name: row[f"chainzrule_{name}"] for name in expected} == pytest.approx(expected, rel=2e-4, abs=1e-5)
    assert next(rows, None) is None
    assert not rejected
    return sum(status != 200 for status, _ in answers)


def write_and_score(exported: Exported, folder: Path, table: pa.Table, *more: object) -> Path:
    pq.write_table(table, folder / "rows.parquet", row_group_size=7)
    output = folder / "out"
    result = run_score("--input", folder / "rows.parquet", "--output", output, "--model", exported.folder.parent, *more)
    assert result.exit_code == 0, result.output
    return output


def test_parquet_with_categories_and_dates(loans: Exported, tmp_path: Path) -> None:
    frame = make_loans(30, seed=9).drop(columns="paid")
    rows: list[Row] = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    rows += [_GOOD | change for change in _CHANGES]
    table = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    output = write_and_score(loans, tmp_path, table)
    asked = table.to_pylist()
    assert check_same(output, answers_of(loans, "loans", asked)) == 6
    assert json.loads((output / "_summary.json").read_text())["features"]["city"]["unseen"] == 1 / 36
    # The files' own columns are as they were, what the model does without among them.
    kept = read_rows(output).select(table.column_names)
    assert kept.schema.equals(table.schema.remove_metadata())
    assert kept.column("number").to_pylist()[:30] == list(range(1, 31))


def test_dates_in_columns_of_dates(loans: Exported, tmp_path: Path) -> None:
    day, moment = datetime.date(2023, 5, 6), datetime.datetime(2023, 5, 6, 7, 30)
    asked = [_GOOD | {"since": "2023-05-06"}, _GOOD | {"since": None}]
    table = pa.Table.from_pylist([row | {"since": since} for row, since in zip(asked, [day, None], strict=True)])
    check_same(write_and_score(loans, tmp_path, table), answers_of(loans, "loans", asked))
    (tmp_path / "moments").mkdir()
    asked = [_GOOD | {"since": "2023-05-06T07:30:00"}]
    table = pa.Table.from_pylist([asked[0] | {"since": moment}])
    check_same(write_and_score(loans, tmp_path / "moments", table), answers_of(loans, "loans", asked))


def test_csv(loans: Exported, tmp_path: Path) -> None:
    rows = [_GOOD | change for change in _CHANGES]
    rows += [_GOOD | {"amount": text} for text in (" 12.5 ", "+7", "1e400", "abc", "NA", "1_000", "0x10", "1,5", "")]
    rows += [_GOOD | {"member": "TRUE", "country": 'of "two",\r\nlines'}, _GOOD | {"member": "perhaps"}]
    rows += [_GOOD] * 20
    with (tmp_path / "loans.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*_GOOD, "country"], restval="XX")
        writer.writeheader()
        writer.writerows(rows)
    output = tmp_path / "out"
    result = run_score(
        "--input", tmp_path / "loans.csv", "--output", output, "--model", loans.folder, "--chunk-mib", 0.001
    )
    assert result.exit_code == 0, result.output
    assert len(list(output.glob("part-*"))) > 1
    numbers = {" 12.5 ": 12.5, "+7": 7.0, "1e400": 1e39, "NA": None, "": None}
    asked = [
        {name: numbers.get(value, value) if name == "amount" else value for name, value in row.items()} for row in rows
    ]
    asked = [{name: value for name, value in row.items() if name != "country"} for row in asked]
    answers = answers_of(loans, "loans", asked)
    # JSON has no number so large, so the service was asked for one that float32 has not.
    infinite = "amount of row 0 is not finite: send a number, or null where it is unknown"
    answers[14][1]["error"]["message"] = infinite
    assert check_same(output, answers) == 11
    scored = read_rows(output)
    assert scored.column("amount").type == pa.float64()
    assert scored.column("country").to_pylist().count('of "two",\r\nlines') == 1
    (huge,) = (row for row in read_rejected(output) if row["row"] == 15)
    assert json.loads(str(huge["content"]))["amount"] == "1e400"
    assert huge["file"] == "loans.csv"


def test_numbers_levels_and_a_predicted_number(
    exported: Exported, ordinal: Exported, regression: Exported, tmp_path: Path
) -> None:
    table = make_table(25, seed=11)[0]
    asked = table.replace({np.nan: None}).to_dict("records")
    for model, name in ((exported, "plant"), (ordinal, "stars"), (regression, "yield")):
        (folder := tmp_path / name).mkdir()
        output = write_and_score(model, folder, pa.Table.from_pandas(table, preserve_index=False), "--detail")
        assert check_same(output, answers_of(model, name, asked)) == 0
        columns = set(read_rows(output).column_names)
        assert columns >= {"chainzrule_tail_ratio", "chainzrule_jacobian_norm", "chainzrule_sensitivity_flow rate"}


def test_texts(texts: Exported, tmp_path: Path) -> None:
    reviews = ["The film was great!", "not very good " * 20, "", " \n", "\x00\x01", None, "שלום"]
    table = pa.table({"id": list(range(len(reviews))), "review": reviews})
    output = write_and_score(texts, tmp_path, table, "--text-column", "review")
    answers = answers_of(texts, "reviews", [{"text": review} for review in reviews])
    for _, answer in answers:
        answer.get("error", {}).pop("field", None)
    for row in (rejected := read_rejected(output)):
        assert row["field"] in {None, "text"}
    assert [row["code"] for row in rejected] == [answer["error"]["code"] for status, answer in answers if status != 200]
    good = read_rows(output).to_pylist()
    assert [row["chainzrule_truncated"] for row in good] == [False, True, False]
    expected = [answer["predictions"][0] for status, answer in answers if status == 200]
    assert [row["chainzrule_label"] for row in good] == [prediction["label"] for prediction in expected]
    scores = [prediction["reliability"]["score"] for prediction in expected]
    assert [row["chainzrule_reliability"] for row in good] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("written", ["parquet", "csv"])
def test_a_text_beside_other_columns(tickets: Exported, tmp_path: Path, written: str) -> None:
    frame = make_tickets(20, seed=9).drop(columns=["paid", "stars"])
    rows: list[Row] = frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[assignment]
    good = {"message": "the plot was good", "amount": 900.0, "city": "Oslo", "since": "2022-02-02", "number": 1}
    rows += [
        good | change for change in ({"message": None}, {"message": " "}, {"message": "bad " * 99}, {"since": "?-"})
    ]
    table = pa.Table.from_pylist(rows)
    if written == "parquet":
        output = write_and_score(tickets, tmp_path, table)
    else:
        pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
        output = tmp_path / "out"
        result = run_score("--input", tmp_path / "rows.csv", "--output", output, "--model", tickets.folder)
        assert result.exit_code == 0, result.output
    assert check_same(output, answers_of(tickets, "tickets", rows)) == 1
    assert json.loads((output / "_summary.json").read_text())["features"]["message"]["missing"] > 0
    assert read_rows(output).column("chainzrule_truncated").to_pylist().count(True) == 1


def test_rows_of_another_width_and_encoding_are_set_aside(exported: Exported, tmp_path: Path) -> None:
    header = b"temperature,pressure,flow rate,age,note\n"
    (tmp_path / "rows.csv").write_bytes(header + b"1,2,3,4,a\n1,2,3\n\n1,2,3,4,\xff\n1,2,3,4,5,6\n2,2,3,4,b\n")
    output = tmp_path / "out"
    result = run_score(
        "--input", tmp_path / "rows.csv", "--output", output, "--model", exported.folder, "--format", "csv"
    )
    assert result.exit_code == 0, result.output
    with (output / "_rejected" / "part-000000.csv").open(newline="") as stream:
        rejected = [(int(row["row"]), row["code"], row["content"]) for row in csv.DictReader(stream)]
    assert [number for number, _, _ in rejected] == [2, 3, 4]
    assert [code for _, code, _ in rejected] == ["wrong_type", "malformed_request", "wrong_type"]
    assert rejected[0][2] == "1,2,3"
    with (output / "part-000000.csv").open(newline="") as stream:
        assert [row["note"] for row in csv.DictReader(stream)] == ["a", "b"]
