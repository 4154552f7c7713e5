"""SECURITY.md: every claim names its tests, and they are there."""

import ast
import re

import pytest

from configs.environment import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "SECURITY.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Claims")[2].partition("\n## ")[0]
CLAIMS = re.split(r"\n(?=\d+\. \*\*)", SECTION)[1:]
TESTS = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_the_claims_are_numbered():
    assert [int(claim.partition(".")[0]) for claim in CLAIMS] == list(range(1, len(CLAIMS) + 1))
    assert len(CLAIMS) >= 17


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.partition(".")[0])
def test_each_claim_names_tests_that_are_there(claim):
    named = TESTS.findall(claim)
    assert named
    for file, function in named:
        tree = ast.parse((PROJECT_ROOT / file).read_text(encoding="utf-8"))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert function in {node.name for node in tree.body if isinstance(node, kinds)}, function


def test_every_name_of_a_setting_is_one():
    variables = set(re.findall(r"`DOOR_(\w+)`", TEXT))
    source = (PROJECT_ROOT / "configs/door.py").read_text(encoding="utf-8")
    assert variables
    assert all(f"    {name.lower()}:" in source for name in variables)
