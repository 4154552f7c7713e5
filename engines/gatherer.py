"""Blocking work on several items at once: what waits is done together."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from engines.errors import EngineFailureError
from engines.turn import Turn

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class _Member(Generic[Item, Result]):
    """An item, and the future of who waits for it."""

    item: Item
    future: "Future[Result]"
    turn: Turn
    arrived_s: float


@dataclass(slots=True, eq=False)
class _Batch(Generic[Item, Result]):
    """Items of one key that are worked on together."""

    key: str
    members: "list[_Member[Item, Result]]"

    @property
    def items(self) -> list[Item]:
        return [member.item for member in self.members]

    def fail(self, error: BaseException) -> None:
        for member in self.members:
            with suppress(InvalidStateError):  # nobody waits any more
                member.future.set_exception(error)


@dataclass(slots=True)
class GathererStats:
    """Running totals; written by the gatherer's thread, safe to read from any."""

    begun: int = 0
    """Items whose turn has come."""
    queue_wait_s: float = 0.0
    """Sum over them."""
    batches: int = 0


class Gatherer(Generic[Item, Result]):
    """One thread that works through batches in order of arrival.

    A batch takes in whatever comes with its key until its turn, so that nobody waits in order to
    be gathered: the busier the thread, the larger its batches. Who cancels the future that
    ``submit`` gave leaves the batch, if its turn has not come; the others do not notice. A batch
    that fails is done again one by one, so that an item hurts nobody but itself.

    Args:
        work: given a key and items, returns a result for each. Runs on the thread.
        max_batch: the most items of a batch.
        name: of the thread.
    """

    def __init__(
        self, work: Callable[[str, Sequence[Item]], Sequence[Result]], max_batch: int, name: str
    ) -> None:
        self.stats = GathererStats()
        self._work = work
        self._max_batch = max_batch
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.RLock()
        self._open: dict[str, _Batch[Item, Result]] = {}

    def submit(self, key: str, item: Item, turn: Turn | None = None) -> "Future[Result]":
        """Have ``item`` worked on, together with others of the same ``key``.

        ``turn`` is told when it comes.

        The future ends with an EngineFailureError where the gatherer is closed before its turn.
        """
        member: _Member[Item, Result] = _Member(item, Future(), turn or Turn(), time.monotonic())
        with self._lock:
            batch = self._open.get(key)
            if batch is None:
                batch = self._open[key] = _Batch(key, [member])
                self._start(batch, self._take)
            else:
                batch.members.append(member)
            if len(batch.members) >= self._max_batch:
                self._shut(batch)
        return member.future

    def close(self) -> None:
        """Stop the thread; what it computes is finished."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _start(
        self,
        batch: _Batch[Item, Result],
        job: Callable[[_Batch[Item, Result]], Sequence[Result]],
    ) -> None:
        try:
            run = self._executor.submit(job, batch)
        except RuntimeError:  # the executor has been shut down
            self._shut(batch)
            batch.fail(EngineFailureError("the engine has stopped"))
        else:
            run.add_done_callback(partial(self._settle, batch))

    def _shut(self, batch: _Batch[Item, Result]) -> None:
        """Let nobody else in."""
        with self._lock:
            if self._open.get(batch.key) is batch:
                del self._open[batch.key]

    def _take(self, batch: _Batch[Item, Result]) -> Sequence[Result]:
        """It is the batch's turn: work for those who still wait."""
        self._shut(batch)
        batch.members = [
            member for member in batch.members if member.future.set_running_or_notify_cancel()
        ]
        if not batch.members:
            return ()
        now_s = time.monotonic()
        self.stats.batches += 1
        self.stats.begun += len(batch.members)
        for member in batch.members:
            self.stats.queue_wait_s += now_s - member.arrived_s
            member.turn.comes(now_s - member.arrived_s)
        return self._work(batch.key, batch.items)

    def _repeat(self, batch: _Batch[Item, Result]) -> Sequence[Result]:
        return self._work(batch.key, batch.items)

    def _settle(self, batch: _Batch[Item, Result], run: "Future[Sequence[Result]]") -> None:
        self._shut(batch)
        if run.cancelled():
            batch.fail(EngineFailureError("the engine has stopped"))
        elif (error := run.exception()) is None:
            for member, result in zip(batch.members, run.result(), strict=True):
                member.future.set_result(result)
        elif len(batch.members) == 1:
            batch.fail(error)
        else:
            for member in batch.members:
                self._start(_Batch(batch.key, [member]), self._repeat)
