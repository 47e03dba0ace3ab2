import pytest

from model_export.training import Schedule


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Schedule(0.1), (0.1, 0.1, 0.1)),
        (Schedule(0.1, 0.5, "linear"), (0.1, 0.3, 0.5)),
        (Schedule(0.4, 0.0, "cosine"), (0.4, 0.2, 0.0)),
    ],
)
def test_values_at_start_middle_and_end(schedule: Schedule, values: tuple[float, ...]) -> None:
    assert [schedule(progress) for progress in (0, 0.5, 1)] == pytest.approx(values)


def test_cosine_leaves_its_ends_slowly() -> None:
    schedule = Schedule(0.0, 1.0, "cosine")
    assert schedule(0.1) == pytest.approx(0.02447, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((-1.0,), "must not be negative"),
        ((1.0, -1.0, "linear"), "must not be negative"),
        ((1.0, 0.5), "a constant schedule takes a start"),
        ((1.0, None, "linear"), "any other a start and an end"),
        ((1.0, 0.5, "step"), "no schedule is called 'step'"),
    ],
)
def test_contradictions_are_refused(arguments: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Schedule(*arguments)  # type: ignore[arg-type]


def test_reads_as_a_manifest_shows_it() -> None:
    assert str(Schedule(0.03)) == "constant 0.03"
    assert str(Schedule(0.1, 0.001, "cosine")) == "cosine 0.1 to 0.001"
