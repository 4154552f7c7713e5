"""Orders: what a client wants spoken, whatever shape it came in, and what that means here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from audio.formats import AudioFormat
from configs.invalid_field import InvalidFieldError
from deployments.messages import StoredVoice
from engines.protocol import Mode, Priority, SynthesisRequest
from serve_app.caller import ANONYMOUS, Caller
from serve_app.engine_choice import COSYVOICE, MMS, EngineChoice, TextLanguage
from serve_app.errors import TextTooLongError
from serve_app.references import ReferenceResolver, ResolvedReference
from voices.errors import UnknownVoiceError

__all__ = ["COSYVOICE", "DEFAULT_VOICE", "MMS", "OrderTaker", "SpeechCall", "SpeechOrder"]

DEFAULT_VOICE = "qwen"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOrder:
    """One request of any API family, translated.

    Attributes:
        text: what to say.
        mode: how the voice is asked for; None leaves it to what came along.
        engine: which engine shall speak; None leaves it to the language.
        voice: a registered voice by name or id; None is the default voice.
        reference: a clip instead: the bytes of an audio file, or what ``reference_audio`` may be.
        transcript: what is said in the clip, where the client knows.
        instruction: how to speak, in words.
        language: code of the text's language, normalised; None leaves it to the text.
        language_sample: what to tell the language by, if not by ``text``: what was said before it,
            so that a voice does not change between the sentences of one speech.
        speed: 1.0 is natural.
        seed: makes random draws repeatable.
        stream: answer while the audio is made.
        priority: who goes first.
        audio_format: what the answer is encoded as.
        caller: who asks.
        traceparent: of which trace it is a part, in W3C's form, where the client says so.
    """

    text: str
    mode: Mode | None = None
    engine: str | None = None
    voice: str | None = None
    reference: str | bytes | None = None
    transcript: str | None = None
    instruction: str | None = None
    language: str | None = None
    language_sample: str | None = None
    speed: float = 1.0
    seed: int | None = None
    stream: bool = False
    priority: Priority = Priority.INTERACTIVE
    audio_format: AudioFormat = AudioFormat.MP3
    caller: Caller = ANONYMOUS
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """An order that was understood: everything is known but whether it can be done now.

    Attributes:
        engine: which deployment shall speak: a key of the desk's engines.
        synthesis: what to say.
        clip: the voice's reference, if any: an audio file's bytes, or where one lies or is stored.
        brought: whether the client brought the reference along.
        voice: what to call the voice in the answer.
        audio_format: what the answer is encoded as.
        stream: answer while the audio is made.
        caller: who asks.
    """

    engine: str
    synthesis: SynthesisRequest
    clip: bytes | Path | StoredVoice | None
    brought: bool
    voice: str
    audio_format: AudioFormat
    stream: bool
    caller: Caller


class OrderTaker:
    """Understands orders: finds the voice, chooses engine and mode."""

    def __init__(
        self,
        references: ReferenceResolver,
        max_text_characters: int,
        voice_aliases: Mapping[str, str] = MappingProxyType({}),
        choice: EngineChoice | None = None,
    ) -> None:
        self._references = references
        self._choice = choice or EngineChoice()
        self._max_text_characters = max_text_characters
        self._voice_aliases = voice_aliases

    async def refresh(self) -> None:
        """Learn of voices that came or went elsewhere, if it is time to."""
        await self._references.refresh()

    def take(self, order: SpeechOrder) -> SpeechCall:
        """Turn ``order`` into a call.

        Raises:
            TextTooLongError: the text exceeds the limit.
            InvalidFieldError: zero_shot without a transcript, instruct without an instruction.
            UnknownVoiceError, ForbiddenPathError: as ``ReferenceResolver``.
        """
        num_characters = len(order.text)
        if num_characters > self._max_text_characters:
            raise TextTooLongError(num_characters, self._max_text_characters)
        language = TextLanguage.of(order.language_sample or order.text, order.language)
        engine = order.engine or self._engine(order, language)
        reference = self._reference(order, engine)
        transcript = order.transcript or (reference.transcript if reference else None)
        mode = _mode(order, transcript, is_cosyvoice=engine == COSYVOICE)
        synthesis = SynthesisRequest(
            text=order.text,
            mode=mode,
            transcript=transcript,
            instruction=order.instruction,
            language=language.code,
            language_guessed=language.is_guess,
            speed=order.speed,
            seed=order.seed,
            stream=order.stream,
            priority=order.priority,
        )
        return SpeechCall(
            engine=engine,
            synthesis=synthesis,
            clip=reference.clip if reference else None,
            brought=reference.brought if reference else False,
            voice=reference.label if reference else language.code or "default",
            audio_format=order.audio_format,
            stream=order.stream,
            caller=order.caller,
        )

    def _engine(self, order: SpeechOrder, language: TextLanguage) -> str:
        """The language's engine, unless what is asked for is a voice or a manner: MMS has neither.

        A built-in voice asks for none: clients of other services have to name some voice.
        """
        if order.reference is not None or order.instruction:
            return COSYVOICE
        if order.voice and not self._voice(order.voice).is_builtin:
            return COSYVOICE
        return self._choice.engine_for(language)

    def _reference(self, order: SpeechOrder, engine: str) -> ResolvedReference | None:
        if order.reference is not None:
            return self._references.reference(order.reference)
        if engine == MMS:  # each of its languages has one voice, its own
            return None
        return self._voice(order.voice or DEFAULT_VOICE)

    def _voice(self, name: str) -> ResolvedReference:
        """The voice called ``name``; another service's name stands for a voice of ours."""
        try:
            return self._references.voice(name)
        except UnknownVoiceError:
            if name not in self._voice_aliases:
                raise
            return self._references.voice(self._voice_aliases[name])


def _mode(order: SpeechOrder, transcript: str | None, *, is_cosyvoice: bool) -> Mode:
    """The mode that was asked for, or the one that fits what came along.

    A registered voice whose words nobody wrote down can only be followed by its sound: its speech
    is cross_lingual, and the answer says so.
    """
    mode = order.mode or _fitting_mode(order, transcript)
    if mode is Mode.ZERO_SHOT and order.reference is not None and not transcript:
        allowed = "what is said in the clip; may be left out for a registered voice"
        raise InvalidFieldError("reference_text", "is missing", allowed)
    if mode is Mode.INSTRUCT and not order.instruction:
        raise InvalidFieldError("instruction", "is missing", "how to speak, in words, not empty")
    if mode in (Mode.TTS, Mode.ZERO_SHOT) and is_cosyvoice and not transcript:
        return Mode.CROSS_LINGUAL
    return mode


def _fitting_mode(order: SpeechOrder, transcript: str | None) -> Mode:
    if order.instruction:
        return Mode.INSTRUCT
    if order.reference is None:
        return Mode.TTS
    return Mode.ZERO_SHOT if transcript else Mode.CROSS_LINGUAL
