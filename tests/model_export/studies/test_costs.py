from pathlib import Path

from model_export.studies.costs import cost_section

MEASURED = """network,rows,outputs,microseconds,ratio
8-64-64-2,1,plain,10,0.7
8-64-64-2,1,+ reliability,18,1.29
384-512-512-5,1,plain,100,0.9
384-512-512-5,1,+ reliability,300,2.7
MiniLM + 384-512-512-5,1,naive plain graph,20000,1.0
MiniLM + 384-512-512-5,1,every signal,20100,1.005
"""


def test_costs_stand_beside_what_they_were_to_be(tmp_path: Path) -> None:
    (tmp_path / "cost.csv").write_text(MEASURED)
    text = "\n".join(cost_section(tmp_path))
    assert "reached: 1.29 of 1.3" in text
    assert "not reached: 2.70 of 1.6" in text
    assert "reached: 1.00 of 1.03" in text


def test_without_a_measurement_nothing_is_said(tmp_path: Path) -> None:
    assert list(cost_section(tmp_path)) == []
