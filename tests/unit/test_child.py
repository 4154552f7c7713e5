"""Child processes on the event loop."""

import asyncio
import subprocess
import time

from audio.child import ChildLimits, child_process

LIMITS = ChildLimits(cpu_s=5, memory_bytes=1 << 30, file_bytes=1 << 20)


async def test_an_ended_child_lets_the_loop_sleep():
    async with child_process(
        ["true"], LIMITS, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as child:
        assert await child.wait() == 0
        before = time.thread_time()
        await asyncio.sleep(0.3)
        assert time.thread_time() - before < 0.1
