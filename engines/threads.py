"""Blocking model work beside an event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import aclosing
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

    def submit(item: Item) -> Future[Result]:
        return executor.submit(function, item)

    async with aclosing(map_ahead(submit, items)) as results:
        async for result in results:
            yield result


async def map_ahead(
    submit: Callable[[Item], Future[Result]], items: Iterable[Item]
) -> AsyncGenerator[Result, None]:
    """Yield the result of ``submit(item)`` for each item, submitted one ahead of the reader.

    When the reader stops, the future of the item in work is cancelled, and no other is submitted.
    """
    futures = (asyncio.wrap_future(submit(item)) for item in items)
    current = next(futures, None)
    try:
        while current is not None:
            result = await current
            current = next(futures, None)
            yield result
    finally:
        if current is not None:
            current.cancel()
