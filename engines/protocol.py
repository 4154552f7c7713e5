"""What every engine is: the only thing that the rest of the house knows about models."""

import hashlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.turn import Turn

Samples = NDArray[np.float32]
"""Mono audio, shape [n], nominally in [-1, 1]."""


class Mode(StrEnum):
    """How a request asks for its voice."""

    TTS = "tts"
    ZERO_SHOT = "zero_shot"
    CROSS_LINGUAL = "cross_lingual"
    INSTRUCT = "instruct"
    SFT = "sft"

    @property
    def clones(self) -> bool:
        """Whether the request brings the voice along as a reference."""
        return self in (Mode.ZERO_SHOT, Mode.CROSS_LINGUAL)


class Priority(StrEnum):
    """Who goes first where not all can go at once."""

    INTERACTIVE = "interactive"
    """Somebody is waiting to hear it."""
    BATCH = "batch"

    @property
    def rank(self) -> int:
        """Lower goes first."""
        return 0 if self is Priority.INTERACTIVE else 1


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A clip of the speaker whose voice is wanted."""

    samples: Samples
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length of the clip."""
        return len(self.samples) / self.sample_rate_hz

    def content_key(self) -> str:
        """Hash of what is heard: equal for the same audio under any file name or container."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.sample_rate_hz.to_bytes(4, "little"))
        digest.update(np.ascontiguousarray(self.samples, dtype="<f4").data)
        return digest.hexdigest()


class PreparedVoice(Protocol):
    """What an engine drew from a reference once, to speak with it again and again."""

    @property
    def num_bytes(self) -> int:
        """Memory that the voice holds."""
        ...


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself."""

    name: str
    """Short name, as in ``X-TTS-Engine``: ``cosyvoice``, ``mms``, ``piper``, ``tone``."""
    model: str
    """What is loaded, as a person would say it: ``CosyVoice 2.0``."""
    sample_rate_hz: int
    modes: frozenset[Mode]
    languages: tuple[str, ...]
    """Language codes, the default first; empty where the engine takes any."""
    device: str
    """``cpu``, ``cuda`` or ``cuda:1``."""
    precision: str
    """``fp32``, ``bf16``, ``fp16`` or ``int8``."""
    voice_match: str | None = None
    """How a stand-in follows a reference (``pitch``); None where the voice itself is cloned."""
    voice_format: str | None = None
    """Names what ``pack_voice`` gives; None where preparing a voice costs less than reading it."""
    trained_for: tuple[str, ...] = ()
    """Language codes that it was made for, where it takes any."""

    def loaded_line(self) -> str:
        """The line that a replica logs when it is ready."""
        return f"{self.model} loaded on {self.device} (fp16={self.precision == 'fp16'})"


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """One text to speak.

    Attributes:
        text: what to say, any length that the front door let in, not empty.
        voice: what the engine's own ``prepare_voice`` returned, or None for its default voice.
        transcript: what is said in the reference (zero_shot).
        instruction: how to speak, in words (instruct).
        language: code of the text's language, or None for the engine's default.
        language_guessed: whether ``language`` was guessed from a few letters, so that an engine
            that does not speak it had better use its default than refuse.
        speed: 1.0 is natural, 2.0 twice as fast.
        seed: makes random draws repeatable, alone or among other requests.
        stream: chunks are wanted as soon as they can be made; otherwise the engine may make
            longer pieces in a better or cheaper way.
        priority: who goes first, in engines that can tell.
        request_id: for the log lines of everyone who works for it.
        turn: where the engine says how long the request waited for it.
    """

    text: str
    mode: Mode = Mode.TTS
    voice: PreparedVoice | None = None
    transcript: str | None = None
    instruction: str | None = None
    language: str | None = None
    language_guessed: bool = False
    speed: float = 1.0
    seed: int | None = None
    stream: bool = True
    priority: Priority = Priority.INTERACTIVE
    request_id: str = "-"
    turn: Turn = field(default_factory=Turn, compare=False)


class Engine(Protocol):
    """A model that speaks."""

    @property
    def info(self) -> EngineInfo:
        """What this engine is and can do."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether it can speak; once False, it has to be loaded anew."""
        ...

    def figures(self) -> Mapping[str, float]:
        """What it has done so far: running totals by name, for the replica's metrics."""
        ...

    def prepare_voice(self, reference: Reference, *, keep: bool = True) -> PreparedVoice:
        """Draw from ``reference`` what this engine needs to speak with its voice.

        Blocks while it computes: callers with an event loop run it on a thread.

        Args:
            reference: the clip.
            keep: whether the engine may keep the voice on a disk of its own.
        """
        ...

    def pack_voice(self, voice: PreparedVoice) -> bytes:
        """Return ``voice`` in the engine's ``voice_format``; only where there is one."""
        ...

    def unpack_voice(self, data: bytes) -> PreparedVoice:
        """Return the voice that was packed as ``data``; blocks as ``prepare_voice`` does.

        Raises:
            EngineLoadError: it holds no voice for this engine.
        """
        ...

    def forget_voice(self, voice: PreparedVoice) -> None:
        """Let go of what the engine remembers of ``voice``; who speaks with it now may finish."""
        ...

    def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[Samples, None]:
        """Speak: yield chunks of audio as they are made.

        Closing the generator (or cancelling the task that reads it) stops the model within one
        chunk.

        Raises:
            UnsupportedModeError, UnsupportedLanguageError, NothingToSpeakError: before the
                first chunk.
            EngineBusyError: it could not be heard in time; before the first chunk.
            EngineFailureError: the model broke; at any time.
        """
        ...

    def close(self) -> None:
        """Free threads and memory. Requests under way end with an error."""
        ...
