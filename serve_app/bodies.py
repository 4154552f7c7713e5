"""What clients may send to the CosyVoice and MMS endpoints."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from audio.formats import AudioFormat
from configs.strict import StrictModel
from engines.languages import normalize_language
from engines.protocol import Mode, Priority
from serve_app.caller import Caller
from serve_app.orders import DEFAULT_VOICE, SpeechOrder
from serve_app.references import REFERENCE_AUDIO

MIN_SPEED = 0.5
MAX_SPEED = 2.0

_FORMATS = [audio_format.value for audio_format in AudioFormat]

Format = Annotated[
    AudioFormat, WithJsonSchema({"type": "string", "enum": _FORMATS, "default": "mp3"})
]
ShownPriority = Annotated[
    Priority,
    WithJsonSchema({"type": "string", "enum": list(Priority), "default": "interactive"}),
]


def _with_content(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _one_code(code: str | None) -> str | None:
    return normalize_language(code) if code else None


Text = Annotated[
    str,
    Field(min_length=1, description="the text to speak, not empty"),
    AfterValidator(_with_content),
]
Language = Annotated[
    str | None,
    Field(
        pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$",
        description="the text's language as an ISO 639 code such as en, ms or zh",
    ),
    AfterValidator(_one_code),
]
"""One code for each language, however it was written."""
Seed = Annotated[
    int | None, Field(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")
]
ReferenceAudio = Annotated[
    str | bytes,
    Field(min_length=1, description=REFERENCE_AUDIO),
    WithJsonSchema(
        {"type": "string", "description": REFERENCE_AUDIO, "contentMediaType": "audio/*"}
    ),
]


class SpeechBody(StrictModel):
    """The fields that every synthesis endpoint takes.

    The descriptions are shown in the OpenAPI page and, as ``allowed``, in refusals.
    """

    text: Text
    speed: float = Field(
        default=1.0,
        ge=MIN_SPEED,
        le=MAX_SPEED,
        allow_inf_nan=False,
        description=f"a number from {MIN_SPEED} to {MAX_SPEED}; 1.0 is natural",
    )
    stream: bool = Field(
        default=False, description="true or false; true sends audio while it is still made"
    )
    format: Format = Field(default=AudioFormat.MP3, description=f"one of {', '.join(_FORMATS)}")
    language: Language = None
    seed: Seed = None
    priority: ShownPriority = Field(
        default=Priority.INTERACTIVE,
        description=f"one of {', '.join(Priority)}; batch goes last and is never refused as late",
    )

    def order(self, engine: str, mode: Mode, caller: Caller, **more: Any) -> SpeechOrder:
        """Translate the fields that all bodies have; ``more`` are the others."""
        return SpeechOrder(
            text=self.text,
            engine=engine,
            mode=mode,
            language=self.language,
            speed=self.speed,
            seed=self.seed,
            stream=self.stream,
            priority=self.priority,
            audio_format=self.format,
            caller=caller,
            **more,
        )


class TtsBody(SpeechBody):
    """Speak with a named voice."""

    voice_type: str = Field(default=DEFAULT_VOICE, min_length=1, description="the name of a voice")


class ZeroShotBody(SpeechBody):
    """Speak with the voice of a clip whose words are known."""

    reference_audio: ReferenceAudio
    reference_text: str | None = Field(
        default=None,
        description="what is said in the clip; may be left out for a registered voice",
    )


class CrossLingualBody(SpeechBody):
    """Speak with the voice of a clip in another language."""

    reference_audio: ReferenceAudio


class InstructBody(TtsBody):
    """Speak with a named voice, as an instruction says."""

    instruction: str = Field(min_length=1, description="how to speak, in words, not empty")


class InstructedCloneBody(CrossLingualBody):
    """Speak with the voice of a clip, as an instruction says."""

    instruction: str = Field(min_length=1, description="how to speak, in words, not empty")


class MmsBody(SpeechBody):
    """Speak one of MMS's languages in that language's own voice."""

    language: Language = Field(
        default="ms", description="an ISO 639 code of an installed MMS language; ms by default"
    )
