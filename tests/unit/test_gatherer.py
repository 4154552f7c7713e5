import threading
from contextlib import contextmanager

import pytest

from engines.errors import EngineFailureError
from engines.gatherer import Gatherer
from engines.turn import Turn


class Squares:
    """Work that squares, fails on negative numbers, and waits for its gate."""

    def __init__(self):
        self.batches = []
        self.begun = threading.Event()
        self.gate = threading.Event()

    def __call__(self, key, numbers):
        self.batches.append((key, list(numbers)))
        self.begun.set()
        self.gate.wait(60)
        if any(number < 0 for number in numbers):
            raise ValueError("negative")
        return [number * number for number in numbers]


@contextmanager
def gathering(max_batch):
    """A gatherer whose thread is busy with a first item."""
    work = Squares()
    gatherer = Gatherer(work, max_batch, "test")
    try:
        first = gatherer.submit("a", 1)
        assert work.begun.wait(60)
        yield gatherer, work
        work.gate.set()
        assert first.result(60) == 1
    finally:
        work.gate.set()
        gatherer.close()


def test_what_waits_is_done_together_and_never_too_much_of_it():
    with gathering(max_batch=3) as (gatherer, work):
        futures = [gatherer.submit("a", number) for number in range(5)]
        work.gate.set()
        assert [future.result(60) for future in futures] == [0, 1, 4, 9, 16]
        assert work.batches == [("a", [1]), ("a", [0, 1, 2]), ("a", [3, 4])]
        assert (gatherer.stats.batches, gatherer.stats.begun) == (3, 6)


def test_each_is_told_when_its_turn_comes():
    turns = [Turn(), Turn()]
    with gathering(max_batch=8) as (gatherer, work):
        futures = [gatherer.submit("a", number, turn) for number, turn in enumerate(turns)]
        assert [turn.queue_wait_s for turn in turns] == [None, None]
        work.gate.set()
        assert [future.result(60) for future in futures] == [0, 1]
        assert turns[0].queue_wait_s >= turns[1].queue_wait_s > 0


def test_only_what_belongs_together():
    with gathering(max_batch=8) as (gatherer, work):
        futures = [gatherer.submit(key, number) for number, key in enumerate("abab")]
        work.gate.set()
        assert [future.result(60) for future in futures] == [0, 1, 4, 9]
        assert work.batches[1:] == [("a", [0, 2]), ("b", [1, 3])]


def test_who_leaves_is_not_worked_for():
    with gathering(max_batch=8) as (gatherer, work):
        stays, leaves, alone = (gatherer.submit(key, 5) for key in "aab")
        assert leaves.cancel()
        assert alone.cancel()
        work.gate.set()
        assert stays.result(60) == 25
        assert gatherer.submit("a", 6).result(60) == 36
        assert work.batches[1:] == [("a", [5]), ("a", [6])]


def test_one_that_fails_fails_alone():
    with gathering(max_batch=8) as (gatherer, work):
        good, bad, other = (gatherer.submit("a", number) for number in (2, -1, 3))
        work.gate.set()
        assert (good.result(60), other.result(60)) == (4, 9)
        with pytest.raises(ValueError, match="negative"):
            bad.result(60)


def test_who_waits_at_the_end_is_told():
    with gathering(max_batch=8) as (gatherer, work):
        waiting = gatherer.submit("a", 2)
        gatherer.close()
        for future in (waiting, gatherer.submit("a", 3), gatherer.submit("b", 4)):
            with pytest.raises(EngineFailureError, match="stopped"):
                future.result(60)
        assert work.batches == [("a", [1])]
