"""The alert rules, by Prometheus' own tool."""

import shutil
import subprocess

import pytest
import yaml

from configs.environment import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "deploy/prometheus"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def promtool(*arguments):
    done = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_configuration_and_the_rules_are_sound():
    promtool("check", "config", "prometheus.yml")


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_otherwise():
    promtool("test", "rules", "alerts_test.yml")


def test_each_alert_has_both_tests_and_is_explained():
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    explained = (PROJECT_ROOT / "docs/operations.md").read_text()
    for name in (rule["alert"] for rule in rules):
        names = {test["name"] for test in tests}
        assert {f"{name} fires", f"{name} stays quiet"} <= names
        assert f"`{name}`" in explained
