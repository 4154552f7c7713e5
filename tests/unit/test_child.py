"""Child processes on the event loop."""

import asyncio
import signal
import subprocess
import sys
import time

import pytest

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


async def run(script, limits=LIMITS, program=("sh", "-c")):
    """Start a script that waits for a line, so that it finds its limits in place."""
    async with child_process(
        [*program, script], limits, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdin.write(b"\n")
        output = await child.stdout.read()
        return await child.wait(), output.decode()


async def test_a_child_has_its_limits():
    limits = ChildLimits(cpu_s=3, memory_bytes=1 << 29, file_bytes=1 << 20)
    code, output = await run("read line; cat /proc/self/limits", limits)
    assert code == 0
    found = {line[:25].strip(): line[26:].split()[:2] for line in output.splitlines()}
    assert found["Max cpu time"] == ["3", "3"]
    assert found["Max address space"] == [str(1 << 29)] * 2
    assert found["Max file size"] == [str(1 << 20)] * 2
    assert found["Max open files"] == ["64", "64"]
    assert found["Max core file size"] == ["0", "0"]


async def test_a_child_that_computes_for_ever_is_ended():
    limits = ChildLimits(cpu_s=1, memory_bytes=1 << 30, file_bytes=0)
    code, _ = await run("read line; while :; do :; done", limits)
    assert code in (-signal.SIGXCPU, -signal.SIGKILL)


async def test_a_child_that_wants_all_memory_gets_none():
    script = "input(); bytearray(1 << 31)"
    code, _ = await run(script, program=(sys.executable, "-S", "-c"))
    assert code == 1


async def test_a_child_that_writes_for_ever_is_ended(tmp_path):
    file = tmp_path / "endless"
    code, _ = await run(f"read line; exec cat /dev/zero > {file}")
    assert code == -signal.SIGXFSZ
    assert file.stat().st_size == LIMITS.file_bytes


async def test_a_child_knows_no_secret(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter3")
    _, output = await run("read line; env")
    assert "hunter" not in output
    assert "PATH=" in output


@pytest.mark.parametrize("how", ["error", "cancel"])
async def test_a_child_is_gone_however_the_block_ends(how, new_children):
    async def work():
        async with child_process(
            ["sleep", "60"], LIMITS, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ):
            if how == "error":
                raise RuntimeError
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not new_children()
