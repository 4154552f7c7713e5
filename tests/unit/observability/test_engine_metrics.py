"""An engine's running totals, as counters."""

import pytest

from deployments import metrics


class Exported:
    """What Ray would be told of one metric."""

    def __init__(self, name, **_):
        self.name = name
        self.told = []

    def inc(self, value, tags):
        assert value > 0, "Ray takes nothing else"
        self.told.append((value, tags))


@pytest.fixture
def exported(monkeypatch):
    found = {}

    def make(name, **options):
        assert name not in found, "Ray knows it already"
        found[name] = Exported(name, **options)
        return found[name]

    for kind in ("Counter", "Histogram", "Gauge"):
        monkeypatch.setattr(metrics, kind, make)
    return found


def test_totals_grow_by_what_was_added_since_the_last_time(exported):
    engine = metrics.EngineMetrics()
    for total in (3, 3, 10):
        engine.publish("cosyvoice", {"finished": total, "failed": 0, "queue_wait_s": total / 4})
    tags = {"engine": "cosyvoice"}
    assert exported["tts_engine_finished"].told == [(3, tags), (7, tags)]
    assert exported["tts_engine_queue_wait_seconds"].told == [(0.75, tags), (1.75, tags)]
    assert "tts_engine_failed" not in exported, "nothing failed"


def test_the_wait_of_each_request_is_a_histogram(exported):
    metrics.EngineMetrics()
    assert "tts_queue_wait_seconds" in exported
