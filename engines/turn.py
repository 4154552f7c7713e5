"""How long a request waited for its engine."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Turn:
    """A request's turn: the engine says when it comes, on any thread, before the first chunk.

    Attributes:
        queue_wait_s: from the request's arrival at the engine; None until its turn has come, and
            for ever in an engine that does not tell.
    """

    queue_wait_s: float | None = None

    def comes(self, queue_wait_s: float) -> None:
        """Note the wait; what comes later, such as the turn of a second sentence, counts not."""
        if self.queue_wait_s is None:
            self.queue_wait_s = queue_wait_s

    def measured(self, work: Callable[[Item], Result]) -> Callable[[Item], Result]:
        """Return ``work`` for a queue that it is put into now; its first call is the turn."""
        arrived_s = time.monotonic()

        def begin(item: Item) -> Result:
            self.comes(time.monotonic() - arrived_s)
            return work(item)

        return begin
