"""A least-recently-used cache that is bounded in bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteLru(Generic[Value]):
    """Keeps values until they hold more than ``max_bytes`` together; for one event loop.

    A value that is asked for while it is being made is made once: the others wait for it.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._making: dict[str, asyncio.Task[Value]] = {}
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        """Bytes held now."""
        return self._num_bytes

    def keys(self) -> frozenset[str]:
        """What is held now."""
        return frozenset(self._values)

    def get(self, key: str) -> Value | None:
        """Return the value of ``key`` and mark it as used, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    async def get_or_make(self, key: str, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return the value of ``key``, made by ``make`` if it is not there.

        Who waits may be cancelled: the value is still made, for the others and for later.
        """
        value = self.get(key)
        if value is not None:
            return value
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(self._make(key, make))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    def discard(self, key: str) -> None:
        """Forget ``key`` if it is there."""
        value = self._values.pop(key, None)
        if value is not None:
            self._num_bytes -= self._size_of(value)

    async def _make(self, key: str, make: Callable[[], Awaitable[Value]]) -> Value:
        value = await make()
        self._put(key, value)
        return value

    def _put(self, key: str, value: Value) -> None:
        self._values[key] = value
        self._num_bytes += self._size_of(value)
        while self._num_bytes > self._max_bytes:
            oldest = next(iter(self._values))
            self.discard(oldest)
