"""docs/operations.md names what there is: each metric, each alert, and nothing else."""

import ast
import re

import yaml

from configs.environment import PROJECT_ROOT

DOCUMENT = (PROJECT_ROOT / "docs/operations.md").read_text(encoding="utf-8")
KINDS = {"Counter", "Gauge", "Histogram", "GaugeMetricFamily"}
FILES = ("deployments/metrics.py", "deployments/node_metrics.py")


def declared():
    """Each metric as Prometheus shows it; one that is named in pieces has a name that ends in _."""
    for file in FILES:
        for node in ast.walk(ast.parse((PROJECT_ROOT / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
                name = node.args[0]
                if isinstance(name, ast.JoinedStr):
                    yield name.values[0].value
                else:
                    yield name.value + ("_total" if node.func.id == "Counter" else "")


def first_column(heading):
    section = DOCUMENT.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([A-Za-z_]+)", cell)]


def test_the_table_names_each_metric_and_no_other():
    assert sorted(first_column("Metrics")) == sorted(declared())


def test_each_alert_has_a_line_that_says_what_to_do():
    rules = yaml.safe_load((PROJECT_ROOT / "deploy/prometheus/alerts.yml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert sorted(first_column("Alerts")) == sorted(alerts)
