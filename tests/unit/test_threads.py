import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from engines.threads import map_in_executor


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_results_come_in_order(executor):
    results = [item async for item in map_in_executor(executor, lambda x: x * x, range(5))]
    assert results == [0, 1, 4, 9, 16]


async def test_only_one_item_is_computed_ahead(executor):
    started = []
    async with aclosing(map_in_executor(executor, started.append, range(10))) as results:
        await anext(results)
        await asyncio.sleep(0.05)
        assert started == [0, 1]


async def test_no_item_is_started_after_the_reader_left(executor):
    started, release = [], threading.Event()

    def work(item):
        started.append(item)
        release.wait(5)

    async with asyncio.timeout(5):
        results = map_in_executor(executor, work, range(10))
        reader = asyncio.ensure_future(anext(results))
        while not started:
            await asyncio.sleep(0.01)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        release.set()
    executor.shutdown(wait=True)
    assert started == [0]


async def test_requests_take_turns(executor):
    order = []

    def work(item):
        order.append(item)

    async def run(name):
        async for _ in map_in_executor(executor, work, [f"{name}{i}" for i in range(3)]):
            pass

    await asyncio.gather(run("a"), run("b"))
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


async def test_errors_reach_the_reader(executor):
    def fail(_):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await anext(map_in_executor(executor, fail, [1]))
