import asyncio

import pytest

from deployments.byte_lru import ByteLru


async def made(value):
    return value


async def test_the_least_recently_used_goes_first():
    cache = ByteLru(max_bytes=3, size_of=len)
    for key in "abc":
        await cache.get_or_make(key, lambda: made("x"))
    cache.get("a")
    await cache.get_or_make("d", lambda: made("x"))
    assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]
    assert cache.num_bytes == 3


async def test_what_is_larger_than_the_cache_is_given_but_not_kept():
    cache = ByteLru(max_bytes=3, size_of=len)
    assert await cache.get_or_make("a", lambda: made("xxxx")) == "xxxx"
    assert cache.get("a") is None
    assert cache.num_bytes == 0


async def test_a_value_in_the_making_is_made_once():
    cache = ByteLru(max_bytes=10, size_of=len)
    calls = 0

    async def make():
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        return "x"

    values = await asyncio.gather(*(cache.get_or_make("a", make) for _ in range(5)))
    assert values == ["x"] * 5
    assert calls == 1


async def test_who_waits_may_leave():
    cache = ByteLru(max_bytes=10, size_of=len)
    release = asyncio.Event()

    async def make():
        await release.wait()
        return "x"

    leaver = asyncio.create_task(cache.get_or_make("a", make))
    stayer = asyncio.create_task(cache.get_or_make("a", make))
    await asyncio.sleep(0)
    leaver.cancel()
    release.set()
    assert await stayer == "x"


async def test_a_failure_is_told_and_not_kept():
    cache = ByteLru(max_bytes=10, size_of=len)

    async def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await cache.get_or_make("a", fail)
    assert await cache.get_or_make("a", lambda: made("x")) == "x"
