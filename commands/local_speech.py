"""Speaking without a service: the engine of a profile, in this process."""

import argparse
import asyncio
import io
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from audio.decode import ReferenceDecoder
from audio.encode import EncoderFactory
from audio.ffmpeg import find_ffmpeg
from audio.formats import AudioFormat
from audio.speech import SpeechShaper
from commands.errors import CommandError
from commands.profiles import config_of
from configs.app import AppConfig
from configs.environment import resolve_path
from engines.checks import check_request, in_spoken_language
from engines.errors import (
    NothingToSpeakError,
    UnsupportedLanguageError,
    UnsupportedModeError,
    VoiceNeededError,
)
from engines.languages import normalize_language
from engines.protocol import Engine, Mode, Reference, SynthesisRequest
from engines.registry import load_engine
from serve_app.engine_choice import COSYVOICE, MMS, EngineChoice, TextLanguage
from serve_app.orders import DEFAULT_VOICE
from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.errors import UnknownVoiceError

_REFUSALS = (
    NothingToSpeakError,
    UnknownVoiceError,
    UnsupportedLanguageError,
    UnsupportedModeError,
    VoiceNeededError,
)


def speak_locally(
    profile: Path, text: str, arguments: argparse.Namespace, audio_format: AudioFormat
) -> Iterator[bytes]:
    """Yield the finished file in one piece.

    Raises:
        CommandError: the engine refused, or the profile has none of ours.
        EngineLoadError, ProfileError: it could not be started.
    """
    config = config_of(profile)
    asked = arguments.language
    language = TextLanguage.of(text, normalize_language(asked) if asked else None)
    name = arguments.engine or _fitting_engine(arguments, config, language)
    arguments = argparse.Namespace(**vars(arguments) | {"engine": name})
    engine = load_engine(config.engines.mms if name == MMS else config.engines.cosyvoice)
    try:
        request = asyncio.run(_request(engine, config, text, arguments, language))
        yield asyncio.run(_speak(engine, config, request, audio_format))
    except _REFUSALS as error:
        raise CommandError(str(error)) from error
    finally:
        engine.close()


def _fitting_engine(
    arguments: argparse.Namespace, config: AppConfig, language: TextLanguage
) -> str:
    """As the service chooses: a clip, a manner or a voice is CosyVoice's in any language."""
    if arguments.reference or arguments.instruction or arguments.voice:
        return COSYVOICE
    return EngineChoice(config.engines.languages).engine_for(language)


async def _speak(
    engine: Engine, config: AppConfig, request: SynthesisRequest, audio_format: AudioFormat
) -> bytes:
    check_request(engine.info, request)
    rate_hz = config.audio.sample_rate_hz
    shaper = SpeechShaper(engine.info.sample_rate_hz, rate_hz)
    encoders = EncoderFactory(_binary(config), rate_hz, config.audio.encode_timeout_s)
    file = io.BytesIO()
    async with encoders.open(audio_format, whole=True) as encoder:
        async with aclosing(engine.synthesize(request)) as chunks:
            async for samples in chunks:
                await encoder.write(shaper.shape(samples))
        await encoder.write(shaper.flush())
        await encoder.finish()
        async for data in encoder.read():
            file.write(data)
    return file.getvalue()


async def _request(
    engine: Engine,
    config: AppConfig,
    text: str,
    arguments: argparse.Namespace,
    language: TextLanguage,
) -> SynthesisRequest:
    clip, transcript, mode = _clip(arguments, config)
    decoder = ReferenceDecoder(_binary(config), config.audio.reference, config.audio.sample_rate_hz)
    voice = None
    if clip is not None and mode in engine.info.modes:
        reference = Reference(await decoder.decode(clip), config.audio.sample_rate_hz)
        voice = await asyncio.to_thread(engine.prepare_voice, reference)
    request = SynthesisRequest(
        text=text,
        mode=mode,
        voice=voice,
        transcript=transcript,
        instruction=arguments.instruction,
        language=language.code,
        language_guessed=language.is_guess,
        speed=arguments.speed or 1.0,
        seed=arguments.seed,
        stream=False,
    )
    return in_spoken_language(engine.info, request)


def _clip(
    arguments: argparse.Namespace, config: AppConfig
) -> tuple[bytes | None, str | None, Mode]:
    if arguments.reference:
        words = arguments.reference_text
        mode = Mode.ZERO_SHOT if words else Mode.CROSS_LINGUAL
        return arguments.reference.read_bytes(), words, mode
    mode = Mode.INSTRUCT if arguments.instruction else Mode.TTS
    if arguments.engine == MMS:
        return None, None, mode
    folders = (BUILTIN_FOLDER, *map(resolve_path, config.voices.folders))
    voice = VoiceCatalogue(folders).get(arguments.voice or DEFAULT_VOICE)
    return voice.clip.read_bytes(), voice.description.transcript, mode


def _binary(config: AppConfig) -> Path:
    return find_ffmpeg(resolve_path(config.audio.ffmpeg) if config.audio.ffmpeg else None)
