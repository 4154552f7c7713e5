"""A fake engine for tests: a deterministic tone that can be told to be slow or to fail.

The text tells it what to do, as ``name=value`` words among the others:

    chunks=N      yield N chunks (default: one for each five characters of the text, at least one)
    delay=S       wait S seconds before each chunk
    fail=N        fail instead of chunk N, counted from 0
    nan=N         make chunk N hold a NaN
    loud=X        multiply the tone by X
    busy=S        block the event loop for S seconds before the first chunk
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from configs.engines import ToneSettings
from configs.environment import resolve_path
from engines.checks import check_request
from engines.errors import EngineFailureError, EngineLoadError
from engines.plain import PlainEngine
from engines.protocol import (
    EngineInfo,
    Mode,
    PreparedVoice,
    Reference,
    Samples,
    SynthesisRequest,
)

_ORDER = re.compile(r"\b(chunks|delay|fail|nan|loud|busy)=([0-9.]+)")
_AMPLITUDE = 0.25
_DEFAULT_FREQUENCY_HZ = 220.0


@dataclass(frozen=True, slots=True)
class ToneVoice:
    """The tone drawn from a reference: its frequency follows the clip's loudness."""

    frequency_hz: float

    @property
    def num_bytes(self) -> int:
        """Memory that the voice holds."""
        return 8


@dataclass(frozen=True, slots=True)
class _Orders:
    chunks: int
    delay_s: float
    fail: int | None
    nan: int | None
    loud: float
    busy_s: float


class ToneEngine(PlainEngine):
    """Speaks in tones; see the module's text for what it can be told."""

    def __init__(self, settings: ToneSettings) -> None:
        self._settings = settings
        self._events = resolve_path(settings.events_file) if settings.events_file else None
        self.info = EngineInfo(
            name="tone",
            model="Tone",
            sample_rate_hz=settings.sample_rate_hz,
            modes=frozenset(Mode),
            languages=(),
            device="cpu",
            precision="fp32",
            voice_format="tone",
        )

    def prepare_voice(self, reference: Reference, *, keep: bool = True) -> ToneVoice:
        """Draw the tone's frequency from the reference's loudness."""
        self._record("prepare_voice")
        loudness = float(np.sqrt(np.mean(np.square(reference.samples, dtype=np.float64))))
        return ToneVoice(frequency_hz=_DEFAULT_FREQUENCY_HZ * (1 + loudness))

    def pack_voice(self, voice: PreparedVoice) -> bytes:
        """The frequency, in digits."""
        return str(cast(ToneVoice, voice).frequency_hz).encode()

    def unpack_voice(self, data: bytes) -> ToneVoice:
        """Read the frequency."""
        try:
            return ToneVoice(float(data))
        except ValueError as error:
            raise EngineLoadError("this is no packed tone") from error

    def forget_voice(self, voice: PreparedVoice) -> None:
        """Nothing is remembered; it is recorded that this was asked for."""
        self._record("forget_voice")

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[Samples, None]:
        """Yield the chunks that the text orders."""
        check_request(self.info, request)
        request.turn.comes(0.0)
        orders = self._read_orders(request.text)
        self._record("begins")
        time.sleep(orders.busy_s)  # noqa: ASYNC251  blocking is what "busy" asks for
        made = 0
        try:
            for index in range(orders.chunks):
                await asyncio.sleep(orders.delay_s)
                yield self._chunk(index, orders, request)
                made += 1
                self._record("chunk")
        finally:
            self._record("finished" if made == orders.chunks else "stopped")

    def close(self) -> None:
        """Nothing to free."""

    def _read_orders(self, text: str) -> _Orders:
        words = {name: float(value) for name, value in _ORDER.findall(text)}
        fail, nan = words.get("fail"), words.get("nan")
        return _Orders(
            chunks=int(words.get("chunks", max(1, len(text) // 5))),
            delay_s=words.get("delay", self._settings.delay_s),
            fail=None if fail is None else int(fail),
            nan=None if nan is None else int(nan),
            loud=words.get("loud", 1.0),
            busy_s=words.get("busy", 0.0),
        )

    def _chunk(self, index: int, orders: _Orders, request: SynthesisRequest) -> Samples:
        if orders.fail == index:
            raise EngineFailureError(f"told to fail at chunk {index}")
        voice = request.voice
        frequency_hz = voice.frequency_hz if isinstance(voice, ToneVoice) else _DEFAULT_FREQUENCY_HZ
        count = int(self._settings.chunk_s * self.info.sample_rate_hz / request.speed)
        times = (np.arange(count) + index * count) / self.info.sample_rate_hz
        samples = _AMPLITUDE * orders.loud * np.sin(2 * np.pi * frequency_hz * times)
        if orders.nan == index:
            samples[count // 2] = np.nan
        return samples.astype(np.float32)

    def _record(self, event: str) -> None:
        """Append one line; short appends are atomic, so replicas may share the file."""
        if self._events:
            append_line(self._events, f"{os.getpid()} {event}")


def append_line(path: Path, line: str) -> None:
    """Append ``line`` to the file at ``path`` in a single write."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
