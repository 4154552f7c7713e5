import json
import shutil

import numpy as np
import pytest
from tiny_models import GOLDEN, VERSIONS

from engines.cosyvoice.parity.__main__ import STAGES, compare_all, main
from engines.cosyvoice.parity.comparison import Comparison


@pytest.mark.parametrize("stage", list(STAGES))
def test_every_golden_case_passes(stage):
    comparisons = list(compare_all(GOLDEN, only=frozenset({stage})))
    assert {comparison.case.split()[0] for comparison in comparisons} == set(VERSIONS)
    assert [comparison.line() for comparison in comparisons if not comparison.passed] == []


@pytest.fixture
def copied(tmp_path):
    """One version's vocoder files, to be spoilt."""
    folder = tmp_path / "cosyvoice3" / "tiny"
    folder.mkdir(parents=True)
    for name in ("config.json", "shapes.json", "hift.json", "hift.npz"):
        shutil.copy(GOLDEN / "cosyvoice3" / "tiny" / name, folder)
    return tmp_path


def change(root, **arrays):
    path = root / "cosyvoice3" / "tiny" / "hift.npz"
    with np.load(path) as archive:
        np.savez(path, **(dict(archive) | arrays))


def failures(root):
    return [comparison.case for comparison in compare_all(root) if not comparison.passed]


def test_a_wrong_sample_fails(copied):
    with np.load(copied / "cosyvoice3" / "tiny" / "hift.npz") as archive:
        wave = archive["inject_wav"].copy()
    wave[700] += 1e-4
    change(copied, inject_wav=wave)
    assert failures(copied) == ["cosyvoice3 hift inject_wav"]


def test_a_wrong_length_fails(copied):
    change(copied, f0=np.zeros(7, np.float32))
    assert "cosyvoice3 hift f0" in failures(copied)


def test_an_unknown_array_fails(copied):
    change(copied, something_new=np.zeros(1))
    assert failures(copied) == ["cosyvoice3 hift something_new"]


def test_an_unknown_stage_fails(copied, monkeypatch, capsys):
    (copied / "cosyvoice3" / "tiny" / "dance.json").write_text(json.dumps({}))
    assert failures(copied) == ["cosyvoice3 dance"]
    monkeypatch.setattr("sys.argv", ["parity", str(copied)])
    assert main() == 1
    assert "1 failed" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["parity", str(copied), "--stage", "hift"])
    assert main() == 0


def test_an_empty_directory_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(compare_all(tmp_path))


def test_comparisons():
    assert Comparison.of("a", [1.0, 2.0], [1.0, 2.5], 0.5).passed
    assert not Comparison.of("a", [1.0, 2.0], [1.0, 2.6], 0.5).passed
    assert not Comparison.of("a", [1.0, float("nan")], [1.0, 2.0], 9.0).passed
    assert not Comparison.of("a", [1.0], [1.0, 2.0], 9.0).passed
    assert Comparison.of("a", [], [], 0.0).passed
    assert Comparison.of("a", [1.0, 2.2], [1.0, 2.0], 1.0).relative_error == pytest.approx(0.1)
    assert Comparison.equal("a", [1, 2], [1, 2]).passed
    assert not Comparison.equal("a", [1, 2], [1, 3]).passed
    assert not Comparison.equal("a", [1, 2], [1]).passed
