"""Everything that ingress, AudioProcessor and engine replicas say to each other.

What a person can put right is answered as ``Refused`` instead of being raised: Ray would log a
raised error with its stack as a fault of the replica.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from audio.errors import (
    ReferenceDurationError,
    ReferenceTooLargeError,
    UndecodableReferenceError,
)
from audio.formats import AudioFormat
from audio.quality import ClipReport
from deployments.errors import OverloadedError, UnavailableError
from engines.errors import NothingToSpeakError, UnsupportedLanguageError, UnsupportedModeError
from engines.protocol import Reference, Samples, SynthesisRequest
from voices.errors import UnknownVoiceError, VoiceStoreError

REFUSALS = (
    NothingToSpeakError,
    OverloadedError,
    ReferenceDurationError,
    ReferenceTooLargeError,
    UnavailableError,
    UndecodableReferenceError,
    UnknownVoiceError,
    UnsupportedLanguageError,
    UnsupportedModeError,
    VoiceStoreError,
)
"""Errors that are an answer, not a fault."""


class CacheOutcome(StrEnum):
    """Whether a voice was ready."""

    HIT = "hit"
    MISS = "miss"
    STORED = "stored"
    """It was read from the voice store, where a replica once put it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is refused before any audio was made."""

    error: Exception


# -- ingress -> AudioProcessor -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredVoice:
    """A voice in the voice store."""

    id: str


@dataclass(frozen=True, slots=True)
class SpeechJob:
    """One request, checked and resolved, for the AudioProcessor.

    Attributes:
        request_id: for the log lines of everyone who works for it.
        synthesis: what the engine shall say; its ``voice`` is filled in by the engine's replica.
        clip: the reference, as bytes that a client sent, a file of this service, or in the store.
        affinity: whether requests with this clip shall meet the same replica. True for clips that
            clients bring; built-in voices are ready everywhere and spread over all replicas.
        audio_format: what the answer is encoded as.
        traceparent: whose part the work is, in W3C's form; None where nothing is traced.
    """

    request_id: str
    synthesis: SynthesisRequest
    clip: bytes | Path | StoredVoice | None
    affinity: bool
    audio_format: AudioFormat
    traceparent: str | None = None


# -- AudioProcessor -> engine replica ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineTask:
    """One request for an engine replica.

    The reference's samples travel only when the replica asked for them: first comes the key
    alone, and a replica that has the voice needs no more.

    Attributes:
        voice_key: hash of what is heard in the reference, or the id of a voice in the store.
        stored: whether it is such an id.
        traceparent: as in ``SpeechJob``.
    """

    request_id: str
    synthesis: SynthesisRequest
    voice_key: str | None = None
    stored: bool = False
    reference: Reference | None = None
    traceparent: str | None = None


# -- engine replica -> AudioProcessor ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReferenceWanted:
    """The replica does not have the voice: send the task again with its reference."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """The first message of a request that succeeds so far; the others are bare samples."""

    engine: str
    language: str | None
    sample_rate_hz: int
    voice_match: str | None
    voice_cache: CacheOutcome | None
    samples: Samples


EngineMessage = Speaking | Samples | ReferenceWanted | Refused


# -- AudioProcessor -> ingress -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first message of a request that succeeds so far, with its first bytes."""

    engine: str
    language: str | None
    sample_rate_hz: int
    voice_match: str | None
    voice_cache: CacheOutcome | None
    data: bytes


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The last message of a request that succeeded.

    Attributes:
        audio_s: seconds of audio.
        first_audio_s: from the job's arrival to the engine's first chunk.
        total_s: from the job's arrival to the last byte.
        peak: highest absolute value that the engine gave; full scale is 1.
    """

    audio_s: float
    first_audio_s: float
    total_s: float
    peak: float

    @property
    def real_time_factor(self) -> float:
        """Time taken for each second of audio."""
        return self.total_s / self.audio_s


SpeechMessage = SpeechStarted | bytes | SpeechEnded | Refused


@dataclass(frozen=True, slots=True)
class WholeSpeech:
    """A request that succeeded, in one piece."""

    started: SpeechStarted
    ended: SpeechEnded

    @classmethod
    def of(cls, *messages: SpeechMessage) -> "WholeSpeech":
        """Make one of the two messages that a speech in one piece consists of."""
        match messages:
            case [SpeechStarted() as started, SpeechEnded() as ended]:
                return cls(started, ended)
        raise TypeError(f"a whole speech came as {[type(part).__name__ for part in messages]}")


Inspection = ClipReport | Refused
"""What the AudioProcessor answers about a clip that shall become a voice."""
