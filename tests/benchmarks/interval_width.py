"""Intervals as wide as a row is difficult beside intervals of one width: interval score at equal coverage.

    python -m tests.benchmarks.interval_width [--seeds 10] [--sets diabetes,friedman1,...]

Every difficulty is fitted to the training rows' errors as `model_export.reliability.Difficulty` is, from something that
the Jacobian tells: the norm of the gradient, the strangeness of its signature, both, or the last hidden layer's
derivatives, which is what is exported. All quantiles are of the same calibration rows. Scores (Winkler, 1972; smaller
is better) are relative to that of intervals of one width on the same rows, so that −10 % is a tenth better; the
interval of each mean is Student's, over seeds that draw the rows, the split and the network anew. "Equal" scales each
method's widths until just the stated share of the test rows is covered, so that no luck of the calibration rows is
left.

Sets: scikit-learn's diabetes (442 rows, the same for every seed), California housing where scikit-learn has it already
(it is not downloaded here), its Friedman sets of 2,000 rows with noise whose deviation grows elevenfold along the first
feature ("even" has the same noise everywhere, where nothing is to be gained), and a curve whose inputs are measured
with noise.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.datasets import fetch_california_housing, load_diabetes, make_friedman1, make_friedman2, make_friedman3

from model_export.chainzrule import Network
from model_export.graph.folding import folded
from model_export.graph.regression.evaluation import interval_score
from model_export.graph.regression.scorer import gradient
from model_export.reliability import Difficulty, Signature
from model_export.reliability.difficulty import conformal_quantile
from model_export.training import ChainzRuleRegressor

COVERAGE = 0.9
ROWS = 2_000

Numbers = NDArray[np.float64]


class Drawn(NamedTuple):
    """Rows [N, n_0] and targets [N]."""

    table: Numbers
    target: Numbers


def _diabetes(_seed: int) -> Drawn:
    return Drawn(*load_diabetes(return_X_y=True))


def _california(seed: int) -> Drawn:
    table, target = fetch_california_housing(return_X_y=True, download_if_missing=False)
    some = np.random.default_rng(seed).permutation(len(target))[: 2 * ROWS]
    return Drawn(table[some], target[some])


def _friedman(make: Callable[..., tuple[Numbers, Numbers]], *, even: bool = False) -> Callable[[int], Drawn]:
    def draw(seed: int) -> Drawn:
        table, target = make(ROWS, random_state=seed)
        along = (table[:, 0] - table[:, 0].min()) / np.ptp(table[:, 0])
        deviation = target.std() * (0.3 if even else 0.06 + 0.6 * along)
        return Drawn(table, target + deviation * np.random.default_rng(seed).normal(size=ROWS))

    return draw


def _noisy_inputs(seed: int) -> Drawn:
    generator = np.random.default_rng(seed)
    table = generator.uniform(-2, 2, (ROWS, 4))
    true = table + 0.15 * generator.normal(size=table.shape)
    return Drawn(table, true[:, 0] ** 3 + 2 * np.sin(2 * true[:, 1]) + true[:, 2] * true[:, 3])


SETS: dict[str, Callable[[int], Drawn]] = {
    "diabetes": _diabetes,
    "california": _california,
    "friedman1": _friedman(make_friedman1),
    "friedman2": _friedman(make_friedman2),
    "friedman3": _friedman(make_friedman3),
    "friedman1-even": _friedman(make_friedman1, even=True),
    "noisy-inputs": _noisy_inputs,
}


class View(NamedTuple):
    """What a network says of rows."""

    value: Numbers
    features: dict[str, Numbers]
    """by the difficulty that is made of them, [N, n] each"""


def look(network: Network, rows: torch.Tensor, signature: Signature | None) -> tuple[View, Signature]:
    """Return the view of standardised rows, and the signature, fitted to them unless given."""
    with torch.no_grad():
        trace = network.trace(rows)
        fingerprint = network.fingerprint(trace.records)
        value = trace.logits[:, 0].numpy()
        if signature is None:
            fifths = np.digitize(value, np.quantile(value, [0.2, 0.4, 0.6, 0.8])).astype(np.int64)
            signature = Signature.fit(fingerprint, fifths)
        norm = torch.log(torch.linalg.vector_norm(gradient(network, trace), dim=1))[:, None].numpy()
        strangeness = signature(fingerprint)[:, None].numpy()
    features = {
        "norm": norm,
        "strangeness": strangeness,
        "norm and strangeness": np.concatenate([norm, strangeness], 1),
        "derivatives": fingerprint[1].numpy(),
    }
    return View(value, features), signature


class Outcome(NamedTuple):
    """Of one method on the test rows of one seed, relative to intervals of one width."""

    score: float
    equal: float
    coverage: float
    varies: bool


def compare(drawn: Drawn, seed: int) -> dict[str, Outcome]:
    """Train one network and return each method's outcome."""
    order = np.random.default_rng(seed).permutation(len(drawn.target))
    training, calibration, test = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    fitted = ChainzRuleRegressor(max_epochs=100, patience=15, random_state=seed)
    fitted.fit(drawn.table[training], drawn.target[training])
    network, standardiser = folded(fitted.network_), fitted.standardiser_
    seen, signature = look(network, standardiser(torch.from_numpy(drawn.table[training])), None)
    held_out, tested = (
        look(network, standardiser(torch.from_numpy(drawn.table[part])), signature)[0] for part in (calibration, test)
    )
    truth = drawn.target[test]
    errors, missed = np.abs(drawn.target[calibration] - held_out.value), np.abs(truth - tested.value)

    def score(half: Numbers) -> float:
        return float(interval_score(truth, tested.value - half, tested.value + half, COVERAGE).mean())

    def outcome(difficulty: Numbers, of_calibration: Numbers, *, varies: bool) -> tuple[float, float, float, bool]:
        half = conformal_quantile(errors / of_calibration, COVERAGE) * difficulty
        exact = float(np.quantile(missed / difficulty, COVERAGE)) * difficulty
        return score(half), score(exact), float((missed <= half).mean()), varies

    one = outcome(np.ones_like(missed), np.ones_like(errors), varies=False)
    outcomes = {"one width": Outcome(1.0, 1.0, one[2], varies=False)}
    for name, features in seen.features.items():
        difficulty = Difficulty.fit(features, drawn.target[training] - seen.value)
        widths = (difficulty(torch.from_numpy(view.features[name])).numpy() for view in (tested, held_out))
        found = outcome(*widths, varies=not difficulty.constant)
        outcomes[name] = Outcome(found[0] / one[0], found[1] / one[1], found[2], found[3])
    return outcomes


def _spread(values: Numbers) -> str:
    """Return the mean change in per cent and its 95 % interval."""
    change = 100 * (values - 1)
    half = student.ppf(0.975, len(change) - 1) * change.std(ddof=1) / np.sqrt(len(change))
    return f"{change.mean():+.1f} ({change.mean() - half:+.1f} to {change.mean() + half:+.1f})"


def lines(name: str, outcomes: list[dict[str, Outcome]]) -> Iterator[str]:
    """Yield a line of the table for each method."""
    for method in outcomes[0]:
        found = [outcome[method] for outcome in outcomes]
        score, equal, coverage = (np.array([one[index] for one in found], dtype=np.float64) for index in range(3))
        told = "–" if method == "one width" else f"{sum(one.varies for one in found)} of {len(found)}"
        changes = ("–", "–") if method == "one width" else (_spread(score), _spread(equal))
        yield f"| {name} | {method} | {changes[0]} | {changes[1]} | {coverage.mean():.3f} | {told} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", default=",".join(SETS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"coverage {COVERAGE}, seeds 0 to {asked.seeds - 1}, scores in % beside one width with 95 % intervals\n")
    print("| set | width by | interval score | the same, equal coverage | coverage | width varies |")
    print("|---|---|---|---|---|---|")
    for name in asked.sets.split(","):
        try:
            drawn = [SETS[name](seed) for seed in range(asked.seeds)]
        except OSError:
            print(f"| {name} | not at hand | | | | |")
            continue
        for line in lines(name, [compare(one, seed) for seed, one in enumerate(drawn)]):
            print(line, flush=True)


if __name__ == "__main__":
    main()
