"""The MMS benchmark on a short run."""

import sys

import pytest

from bench import mms


def test_each_size_gets_a_row(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench.mms", "--batches", "1,2", "--sentences", "2"])
    monkeypatch.setattr(mms, "_LONGEST", 61)
    mms.main()
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [int(size) for size, _, _ in rows] == [1, 2]
    assert all(float(rate) > 0 for _, rate, _ in rows)
    assert float(rows[0][2]) == pytest.approx(1.0)
