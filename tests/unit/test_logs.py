import json
import os
import subprocess
import sys

import pytest

LINES = """
from loguru import logger
from configs.app import Logging
from deployments.logs import start_logging

start_logging(Logging(folder="{folder}", rotation="2 KB"), "Tester")
for index in range(100):
    logger.bind(request_id="r-1").info("line {{}} with an umlaut: ä", index)
"""


@pytest.fixture
def log(tmp_path):
    """Write a hundred lines in a process of its own; gives what went to stderr."""

    def run(environment):
        code = LINES.format(folder=tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"ENVIRONMENT": environment},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stderr.splitlines()

    return run


def test_lines_are_for_people_by_default(log):
    line = log("dev")[0]
    assert line.endswith("| INFO    | Tester | r-1 | line 0 with an umlaut: ä")


def test_lines_are_json_in_production(log, tmp_path):
    for line in log("prod"):
        record = json.loads(line)["record"]
        assert record["extra"] == {"process": "Tester", "request_id": "r-1"}
    (newest,) = tmp_path.glob("Tester-*[0-9].log")
    assert all(json.loads(line) for line in newest.read_text().splitlines())


def test_files_are_rotated_and_compressed(log, tmp_path):
    log("dev")
    assert len(list(tmp_path.glob("Tester-*.log.gz"))) > 2
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 6_000
