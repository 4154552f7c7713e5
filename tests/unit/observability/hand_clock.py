"""A clock for tests that is moved by hand."""

import asyncio


class HandClock:
    """A clock that stands still until ``pass_`` moves it; who sleeps wakes by it alone."""

    def __init__(self):
        self.now_s = 1_000.0
        self._moved = asyncio.Event()
        self._asleep = asyncio.Event()

    def __call__(self):
        return self.now_s

    async def sleep(self, duration_s):
        until_s = self.now_s + duration_s
        while self.now_s < until_s:
            self._moved.clear()
            self._asleep.set()
            await self._moved.wait()

    async def pass_(self, duration_s):
        """Let time pass; return when whoever had something to do by then sleeps again."""
        self.now_s += duration_s
        self._asleep.clear()
        self._moved.set()
        await self.settled()

    async def settled(self):
        await asyncio.wait_for(self._asleep.wait(), 60)
