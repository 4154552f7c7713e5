"""A child process with pipes on the event loop.

asyncio and uvloop fork to start a child. Beside Ray's threads and memory that was measured to hold
the whole process up for 20 ms. ``subprocess.Popen`` uses vfork, which takes 2 ms, so the child is
started by it and only its pipes and its end are watched by the loop.
"""

import asyncio
import os
import resource
import subprocess
from asyncio.streams import FlowControlMixin
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO

from configs.environment import child_environment

_MAX_OPEN_FILES = 64
"""Its pipes, itself, its libraries."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the kernel allows a child."""

    cpu_s: int
    memory_bytes: int
    file_bytes: int


class Child:
    """A running child. Its stdin takes bytes or is a file, its stdout gives bytes or is a file."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)
        self._ended = asyncio.Event()
        self._transports: list[asyncio.BaseTransport] = []
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None

    async def open(self) -> None:
        """Attach the pipes to the running loop."""
        asyncio.get_running_loop().add_reader(self._pidfd, self._note_end)
        if self._process.stdin:
            self.stdin = await self._writer(self._process.stdin)
        if self._process.stdout:
            self.stdout = await self._reader(self._process.stdout)
        if self._process.stderr:
            self.stderr = await self._reader(self._process.stderr)

    async def wait(self) -> int:
        """Wait for the child's end; return its exit status, negative for a signal."""
        await self._ended.wait()
        return self._process.wait()

    def kill(self) -> None:
        """End the child now, if it still runs."""
        self._process.kill()

    async def close(self) -> None:
        """End the child if it still runs, reap it, and let go of its pipes."""
        self.kill()
        for transport in self._transports:
            transport.close()
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()  # it was killed: this takes no time

    def _note_end(self) -> None:
        # From now on the descriptor is always readable: watched further, it keeps the loop awake.
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._ended.set()

    async def _writer(self, pipe: IO[bytes]) -> asyncio.StreamWriter:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(FlowControlMixin, pipe)
        self._transports.append(transport)
        return asyncio.StreamWriter(transport, protocol, None, loop)

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        self._transports.append(transport)
        return reader


@asynccontextmanager
async def child_process(
    arguments: Sequence[str],
    limits: ChildLimits,
    *,
    stdin: int,
    stdout: int,
    stderr: int = subprocess.DEVNULL,
) -> AsyncGenerator[Child, None]:
    """Run a child under ``limits``; whatever happens, it is gone when the block ends.

    It sees nothing of our environment but where programs and libraries are, and no open file but
    those named here.

    Args:
        arguments: program and arguments; no shell is involved.
        limits: set from outside right after the start, because code between fork and exec is
            not safe beside threads.
        stdin: ``subprocess.PIPE`` or a file descriptor.
        stdout: the same.
        stderr: the same, or nowhere; as a pipe it has to be read, or a child that talks much
            stops.
    """
    process = subprocess.Popen(  # noqa: ASYNC220  see the module's text
        arguments, stdin=stdin, stdout=stdout, stderr=stderr, env=child_environment()
    )
    child = Child(process)
    try:
        _limit(process.pid, limits)
        await child.open()
        yield child
    finally:
        await child.close()


def _limit(pid: int, limits: ChildLimits) -> None:
    with suppress(ProcessLookupError):  # it has ended: whoever reads its output finds out why
        for kind, value in (
            (resource.RLIMIT_CPU, limits.cpu_s),
            (resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_FSIZE, limits.file_bytes),
            (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.prlimit(pid, kind, (value, value))
