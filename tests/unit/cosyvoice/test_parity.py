import json
import shutil

import numpy as np
import pytest
from tiny_models import GOLDEN, VERSIONS

from engines.cosyvoice.parity.__main__ import STAGES, compare_all, main
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.work import Line, Work, measure


@pytest.mark.parametrize("stage", list(STAGES))
def test_every_golden_case_passes(stage):
    comparisons = list(compare_all(GOLDEN, only=frozenset({stage})))
    assert {comparison.case.split()[0] for comparison in comparisons} == set(VERSIONS)
    assert [comparison.line() for comparison in comparisons if not comparison.passed] == []


def copy_stage(root, *names, version="cosyvoice3"):
    """Copy files of one version, to be spoilt."""
    folder = root / version / "tiny"
    folder.mkdir(parents=True)
    for name in ("config.json", "shapes.json", *names):
        shutil.copy(GOLDEN / version / "tiny" / name, folder)
    return folder


@pytest.fixture
def copied(tmp_path):
    copy_stage(tmp_path, "hift.json", "hift.npz")
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


def test_the_flow_reports_what_it_does_not_know_and_what_is_wrong(tmp_path):
    folder = copy_stage(tmp_path, "flow.json", "flow.npz")
    wanted = ("noise", "offline2_", "something_new")
    with np.load(folder / "flow.npz") as archive:
        kept = {name: archive[name] for name in archive if name.startswith(wanted)}
    kept["offline2_mel"][5, 7] += 2e-4
    kept["offline2_something"] = np.zeros(1)
    np.savez(folder / "flow.npz", **kept)
    notes = {"stream_slow": {"chunks": []}, "offline2": {"scale": 1.0}}
    (folder / "flow.json").write_text(json.dumps(notes))
    assert failures(tmp_path) == [
        "cosyvoice3 flow offline2_mel",
        "cosyvoice3 flow stream_slow",
        "cosyvoice3 flow offline2_something",
    ]


def test_another_clip_fails(tmp_path):
    copy_stage(tmp_path, "frontend.npz")
    clip = bytearray((GOLDEN / "ref.wav").read_bytes())
    clip[-1000] ^= 1
    (tmp_path / "ref.wav").write_bytes(clip)
    assert "cosyvoice3 frontend wav24" in failures(tmp_path)


def test_another_text_fails(tmp_path):
    folder = copy_stage(tmp_path, "text.json")
    notes = json.loads((folder / "text.json").read_text())
    cases = notes["normalize_and_split"]
    cases[0]["normalized"] += "?"
    marked = next(n for n, case in enumerate(cases) if "<|" in case["text"])
    cases[marked]["normalized"] = cases[marked]["normalized"].replace("<|en|>", "")
    notes["split_only"][3]["segments"].append("More.")
    notes["sung"] = []
    (folder / "text.json").write_text(json.dumps(notes))
    assert failures(tmp_path) == [
        "cosyvoice3 text text0 normalized",
        f"cosyvoice3 text text{marked} marks",
        "cosyvoice3 text split3",
        "cosyvoice3 text sung",
    ]


def test_streams_cost_no_more_than_they_may():
    lines = list(measure(GOLDEN))
    assert {line.case.split()[0] for line in lines} == set(VERSIONS)
    assert [str(line) for line in lines if not line.passed] == []
    fresh = [line for line in lines if "hops 25, 50, 100," in line.case]
    assert [line.upstream.frames for line in fresh] == [pytest.approx(5.2, abs=0.1)] * 4
    assert [line.work.frames for line in fresh] == pytest.approx([1.0, 1.93] * 2, abs=0.01)


def test_too_much_work_fails():
    upstream = Work(5.0, 5.0)
    assert Line("a", Work(1.3, 1.2), upstream, 1.3).passed
    assert not Line("a", Work(1.4, 1.2), upstream, 1.3).passed


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
