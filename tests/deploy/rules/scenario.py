"""Made-up series, and what the rules are to make of them, as a test for promtool."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules"

MODEL = {"model": "pump", "version": "1"}


class Scenario:
    """Series that go on evenly, scraped and evaluated every `step` for `minutes`; one replica, "a", is up.

    Nothing here depends on how Prometheus extrapolates, or on whether a window holds its own left end, which changed
    with version 3: what grows evenly has the same increase either way.
    """

    def __init__(self, folder: Path, *, minutes: int = 30, step: str = "30s") -> None:
        self._file = folder / "scenario.yml"
        self._step = step
        self._steps = minutes * 60 // {"30s": 30, "1m": 60, "5m": 300}[step]
        self._series: dict[str, str] = {}
        self.gauge("up", 1, job="chainzrule", instance="a")

    def counter(self, name: str, per_step: float, **labels: str) -> None:
        """Add a counter that grows by `per_step`."""
        self._series[_selector(name, labels)] = f"0+{per_step}x{self._steps}"

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Add a gauge that stays, in place of one with the same labels."""
        self._series[_selector(name, labels)] = f"{value}x{self._steps}"

    def values(self, name: str, values: str, **labels: str) -> None:
        """Add a series in promtool's own notation."""
        self._series[_selector(name, labels)] = values

    def histogram(
        self, name: str, buckets: Mapping[str, float], labels: Mapping[str, str], *, sum_per_step: float = 0
    ) -> None:
        """Add a histogram from its cumulative buckets' growth; the last one holds all."""
        for bound, per_step in buckets.items():
            self.counter(f"{name}_bucket", per_step, **labels, le=bound)
        total = list(buckets.values())[-1]
        self.counter(f"{name}_bucket", total, **labels, le="+Inf")
        self.counter(f"{name}_count", total, **labels)
        self.counter(f"{name}_sum", sum_per_step, **labels)

    def assert_value(self, expression: str, value: float | None, *, at: str = "20m", **labels: str) -> None:
        """Assert an expression's only value, to six decimals, or that it has none."""
        # Versions differ in whether promtool forgives the last bit, so whole numbers are compared.
        samples = [] if value is None else [{"labels": _selector("", labels), "value": round(value * 1e6)}]
        self._test(promql_expr_test=[_query(f"round(1e6 * ({expression}))", at, samples)])

    def assert_firing(self, *alerts: str, at: str = "25m") -> None:
        """Assert that just these alerts fire, for whatever labels."""
        samples = [{"labels": _selector("", {"alertname": alert}), "value": 1} for alert in alerts]
        self._test(promql_expr_test=[_query('group by (alertname) (ALERTS{alertstate="firing"})', at, samples)])

    def assert_text(self, alert: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        """Assert what a firing alert says."""
        expected = {"exp_labels": dict(labels), "exp_annotations": dict(annotations)}
        self._test(alert_rule_test=[{"alertname": alert, "eval_time": "25m", "exp_alerts": [expected]}])

    def _test(self, **tests: Any) -> None:
        series = [{"series": name, "values": values} for name, values in self._series.items()]
        document = {
            "rule_files": [str(RULES / "recording.yml"), str(RULES / "alerts.yml")],
            "evaluation_interval": self._step,
            "tests": [{"interval": self._step, "input_series": series, **tests}],
        }
        self._file.write_text(yaml.safe_dump(document), encoding="utf-8")
        done = subprocess.run(
            ["promtool", "test", "rules", str(self._file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _selector(name: str, labels: Mapping[str, str]) -> str:
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def _query(expression: str, at: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {"expr": expression, "eval_time": at, "exp_samples": samples}
