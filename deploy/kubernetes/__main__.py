"""`python -m deploy.kubernetes` writes the PrometheusRule, of the rules that Prometheus loads in compose.

Kustomize takes files as they are into a ConfigMap, which the Prometheus operator does not read for rules, and cannot
put a file's content under a key of another object. So this one manifest is made, and a test holds it to the rules.
"""

from pathlib import Path

import yaml

RULES = Path(__file__).parents[1] / "prometheus" / "rules"
MANIFEST = Path(__file__).parent / "components" / "monitoring" / "prometheus-rule.yaml"

_HEAD = "# Made from deploy/prometheus/rules by `python -m deploy.kubernetes`: change those.\n"


def rendered() -> str:
    """Return the text of the PrometheusRule: every group of every file of rules, in order."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yml"))]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "chainzrule", "labels": {"app.kubernetes.io/name": "chainzrule"}},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }
    return _HEAD + yaml.safe_dump(rule, sort_keys=False, width=120, allow_unicode=True)


def main() -> None:
    """Write it."""
    MANIFEST.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
