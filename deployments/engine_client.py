"""How an AudioProcessor calls an engine deployment."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from ray.serve.handle import DeploymentHandle

from deployments.calls import no_replica_is_refusal
from deployments.clips import Clip
from deployments.messages import EngineMessage, EngineTask, ReferenceWanted, Refused, Speaking
from engines.protocol import Samples, SynthesisRequest

EngineHandle = DeploymentHandle[Any]


@dataclass(frozen=True, slots=True)
class EngineStream:
    """An engine that has begun to speak."""

    opening: Speaking
    rest: Any
    """Yields the chunks after the first."""

    async def chunks(self) -> AsyncGenerator[Samples, None]:
        """Yield all chunks."""
        yield self.opening.samples
        async for samples in self.rest:
            yield samples


@asynccontextmanager
async def open_engine(
    engine: EngineHandle, synthesis: SynthesisRequest, clip: Clip | None, *, affinity: bool
) -> AsyncGenerator[EngineStream, None]:
    """Ask ``engine`` to speak and wait for its first chunk; leaving the block stops it.

    Args:
        engine: the deployment that shall speak.
        synthesis: what to say.
        clip: the voice. Its samples are sent only to a replica that lacks it.
        affinity: send requests with this clip to the same replica.

    Raises:
        OverloadedError, UnavailableError: no replica took the request.
        Any error in ``REFUSALS``: the engine refused it.
    """
    session = clip.key if clip and affinity else ""
    call = engine.options(method_name="speak", stream=True, session_id=session)
    task = EngineTask(synthesis, voice_key=clip.key if clip else None)
    stream, first = await _call(call, task)
    if clip and isinstance(first, ReferenceWanted):
        stream, first = await _call(call, replace(task, reference=clip.reference))
    try:
        if isinstance(first, Refused):
            raise first.error
        if not isinstance(first, Speaking):
            raise TypeError(f"an engine began with {type(first).__name__}")
        yield EngineStream(first, stream)
    finally:
        stream.cancel()


async def _call(call: EngineHandle, task: EngineTask) -> tuple[Any, EngineMessage]:
    stream = call.remote(task)
    with ExitStack() as undo, no_replica_is_refusal():
        undo.callback(stream.cancel)  # who leaves now still stands in the queue
        first = await anext(cast(AsyncIterator[EngineMessage], stream))
        undo.pop_all()
        return stream, first
