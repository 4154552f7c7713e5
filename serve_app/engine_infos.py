"""What the engines say of themselves, asked once."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.calls import no_replica_is_refusal
from deployments.errors import UnavailableError
from engines.protocol import EngineInfo, Mode

_TIMEOUT_S = 5.0


class EngineInfos:
    """Asks a replica of each engine, and remembers: a profile that changes restarts the ingress."""

    def __init__(self, engines: Mapping[str, DeploymentHandle[Any]]) -> None:
        self._describe = {
            name: handle.options(method_name="describe") for name, handle in engines.items()
        }
        self._known: dict[str, EngineInfo] = {}

    async def get(self, engine: str) -> EngineInfo:
        """Return what ``engine`` (a key of the desk's engines) is.

        Raises:
            OverloadedError, UnavailableError: it was never asked before, and does not answer.
        """
        if engine not in self._known:
            self._known[engine] = await self._ask(engine)
        return self._known[engine]

    async def languages(self) -> list[str]:
        """Return the codes that any engine speaks or was made for; raises as ``get``."""
        infos = await asyncio.gather(*map(self.get, self._describe))
        return sorted({code for info in infos for code in (*info.languages, *info.trained_for)})

    async def _ask(self, engine: str) -> EngineInfo:
        with no_replica_is_refusal():
            try:
                info = await asyncio.wait_for(self._describe[engine].remote(), _TIMEOUT_S)
            except TimeoutError as error:
                raise UnavailableError from error
        if not isinstance(info, EngineInfo):
            raise TypeError(f"{engine} described itself by {type(info).__name__}")
        return info


def features_of(engine: EngineInfo) -> Iterator[str]:
    """Say in words what ``engine`` can do."""
    if Mode.ZERO_SHOT in engine.modes:
        match = engine.voice_match
        yield f"Follows a voice by its {match}" if match else "Zero-shot voice cloning"
    yield "Multilingual TTS"
    if Mode.INSTRUCT in engine.modes:
        yield "Emotion control"
    yield "Streaming"
