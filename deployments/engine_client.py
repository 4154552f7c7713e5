"""How an AudioProcessor calls an engine deployment."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from loguru import logger
from ray.serve.handle import DeploymentHandle

from deployments.calls import no_replica_is_refusal
from deployments.clips import JobVoice
from deployments.messages import (
    EngineMessage,
    EngineTask,
    ReferenceWanted,
    Refused,
    Speaking,
    SpeechJob,
)
from engines.protocol import Samples

EngineHandle = DeploymentHandle[Any]


class EngineCall:
    """A request that is on its way to an engine replica."""

    def __init__(self, call: EngineHandle, task: EngineTask, voice: JobVoice | None) -> None:
        self._call = call
        self._task = task
        self._voice = voice
        self._stream: Any = call.remote(task)

    async def first_message(self) -> Speaking:
        """Wait until the engine speaks. The reference is sent only if the replica lacks it.

        Raises:
            OverloadedError, UnavailableError: no replica took the request.
            ReplicaLostError: the one that took it died; the ingress, which alone knows whether its
                client has heard something, then tries again.
            Any error in ``REFUSALS``: the engine refused it.
        """
        first = await self._next()
        if self._voice and isinstance(first, ReferenceWanted):
            with logger.contextualize(request_id=self._task.request_id):
                reference = await self._voice.reference()
            self._stream = self._call.remote(replace(self._task, reference=reference))
            first = await self._next()
        if isinstance(first, Refused):
            raise first.error
        if not isinstance(first, Speaking):
            raise TypeError(f"an engine began with {type(first).__name__}")
        return first

    async def chunks(self, first: Speaking) -> AsyncGenerator[Samples, None]:
        """Yield all chunks, that of the first message included."""
        yield first.samples
        async for samples in self._stream:
            yield samples

    def cancel(self) -> None:
        """Stop the engine, or leave its queue."""
        self._stream.cancel()

    async def _next(self) -> EngineMessage:
        with no_replica_is_refusal():
            return await anext(cast(AsyncIterator[EngineMessage], self._stream))


@contextmanager
def call_engine(
    engine: EngineHandle, job: SpeechJob, voice: JobVoice | None
) -> Iterator[EngineCall]:
    """Ask ``engine`` to speak, without waiting for it; leaving the block stops it.

    Args:
        engine: the deployment that shall speak.
        job: what to say; whether requests with this voice go to the same replica.
        voice: whose voice.
    """
    session = voice.key if voice and job.affinity else ""
    handle = engine.options(method_name="speak", stream=True, session_id=session)
    task = EngineTask(job.request_id, job.synthesis, traceparent=job.traceparent)
    if voice:
        task = replace(task, voice_key=voice.key, stored=voice.stored)
    call = EngineCall(handle, task, voice)
    try:
        yield call
    finally:
        call.cancel()
