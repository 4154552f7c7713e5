"""Blocking model work beside an event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Executor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def map_in_executor(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item]
) -> AsyncGenerator[Result, None]:
    """Yield ``function(item)`` for each item, computed on ``executor``, one ahead of the reader.

    Each item is a job of its own, so that requests share the executor item by item. When the
    reader stops, the item in work is finished and dropped, and no other is started.
    """
    loop = asyncio.get_running_loop()
    remaining = iter(items)

    def submit() -> asyncio.Future[Result] | None:
        for item in remaining:
            return loop.run_in_executor(executor, function, item)
        return None

    current = submit()
    try:
        while current is not None:
            result = await current
            current = submit()
            yield result
    finally:
        if current is not None:
            current.cancel()
