"""What other services' clients may send, in the shapes that they know.

Such clients also send what we have no use for. That is no error, and the answer names it
(``X-TTS-Ignored``), so that a misspelt field is found.
"""

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, WithJsonSchema

from audio.formats import AudioFormat
from configs.strict import StrictModel
from engines.protocol import Priority
from serve_app.bodies import Format, Language, ReferenceAudio, Seed, ShownPriority, Text
from serve_app.orders import DEFAULT_VOICE

IGNORED_HEADER = "X-TTS-Ignored"
_MAX_IGNORED = 16
_PLAIN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
Speed = Annotated[
    float,
    Field(ge=0.25, le=4, allow_inf_nan=False, description="a number from 0.25 to 4; 1 is natural"),
]
AudioFile = Annotated[
    bytes,
    Field(min_length=1, description="an uploaded audio file"),
    WithJsonSchema({"type": "string", "contentMediaType": "audio/*"}),
]


class ClientBody(BaseModel):
    """A body that may hold more than we know."""

    model_config = ConfigDict(extra="allow", frozen=True)
    unused: ClassVar[frozenset[str]] = frozenset()
    """Fields that we know and do nothing with."""

    def ignored(self) -> list[str]:
        """The fields that were sent and do nothing, as far as a header can name them."""
        names = [*(self.model_fields_set & self.unused), *(self.model_extra or {})]
        return sorted(name for name in names if _PLAIN_NAME.fullmatch(name))[:_MAX_IGNORED]


class StreamFormat(StrEnum):
    """How OpenAI's clients want the speech."""

    AUDIO = "audio"
    SSE = "sse"


class VoiceById(StrictModel):
    """OpenAI's other way to name a voice."""

    id: str = Field(min_length=1)


_VOICE_SCHEMA = {"anyOf": [{"type": "string"}, VoiceById.model_json_schema()]}


class OpenAiSpeechBody(ClientBody):
    """Speak, as OpenAI's clients ask for it."""

    model: str = Field(default="tts-1", min_length=1, description="one of GET /v1/models")
    input: Text
    voice: Annotated[str | VoiceById, WithJsonSchema(_VOICE_SCHEMA)] = Field(
        default=DEFAULT_VOICE,
        description='a voice\'s name or id, as a string or as {"id": ...}',
    )
    instructions: str | None = Field(default=None, description="how to speak, in words")
    response_format: Format = Field(
        default=AudioFormat.MP3, description=f"one of {', '.join(AudioFormat)}"
    )
    speed: Speed = 1.0
    stream_format: Annotated[
        StreamFormat,
        WithJsonSchema({"type": "string", "enum": list(StreamFormat), "default": "audio"}),
    ] = Field(default=StreamFormat.AUDIO, description="audio or sse")
    stream: bool | None = Field(
        default=None,
        description="true or false; false waits and answers with a file of known length, as wav "
        "does where this is left out",
    )
    language: Language = None
    ref_audio: ReferenceAudio | None = Field(default=None, description="a clip of another voice")
    ref_text: str | None = Field(default=None, description="what is said in ref_audio")
    seed: Seed = None
    priority: ShownPriority = Field(
        default=Priority.INTERACTIVE, description=f"one of {', '.join(Priority)}"
    )

    @property
    def voice_name(self) -> str:
        """The voice's name or id, however it was sent."""
        return self.voice.id if isinstance(self.voice, VoiceById) else self.voice

    @property
    def wants_stream(self) -> bool:
        """Whether audio shall come while it is made. A WAV's header states its length."""
        if self.stream is None:
            return self.response_format is not AudioFormat.WAV
        return self.stream


class UpstreamBody(ClientBody):
    """What all of upstream's endpoints take, with LightTTS' additions."""

    unused = frozenset({"tts_model_name"})

    tts_text: Text
    stream: bool = Field(
        default=True, description="true or false; false waits for all of it, and states its length"
    )
    speed: Speed = 1.0
    tts_model_name: str | None = Field(default=None, description="does nothing: there is one model")
    language: Language = None
    seed: Seed = None


class _WithSpeaker(UpstreamBody):
    spk_id: str = Field(min_length=1, description="the name or id of a voice")


class _WithClip(UpstreamBody):
    prompt_wav: ReferenceAudio


class SftBody(_WithSpeaker):
    """Speak with a named voice."""


class UpstreamZeroShotBody(_WithClip):
    """Speak with the voice of a clip whose words are known."""

    prompt_text: str | None = Field(
        default=None, description="what is said in the clip; not needed for a registered voice"
    )


class UpstreamCrossLingualBody(_WithClip):
    """Speak with the voice of a clip in another language."""


class UpstreamInstructBody(_WithSpeaker):
    """Speak with a named voice, as an instruction says."""

    instruct_text: str = Field(min_length=1, description="how to speak, in words, not empty")


class Instruct2Body(_WithClip):
    """Speak with the voice of a clip, as an instruction says."""

    instruct_text: str = Field(min_length=1, description="how to speak, in words, not empty")


class AgentSpeechBody(ClientBody):
    """Speak, as a voice agent's ``synthesize`` message asks for it."""

    unused = frozenset({"exaggeration"})

    type: Literal["synthesize"] = Field(default="synthesize", description="synthesize")
    text: Text
    voice_id: str = Field(default="default", min_length=1, description="a voice's name or id")
    streaming: bool = Field(default=False, description="true sends audio while it is still made")
    exaggeration: float | None = Field(default=None, description="a number; does nothing here")
    instruction: str | None = Field(default=None, min_length=1, description="how to speak")
    speed: Speed = 1.0
    language: Language = None
    seed: Seed = None

    @property
    def language_code(self) -> str | None:
        """The language in the form that engines use."""
        return self.language


class CloningSpeechBody(ClientBody):
    """Speak with an uploaded voice."""

    text: Text
    voice_id: str = Field(default="default", min_length=1, description="a voice's name or id")
    language: Language = None
    speed: Speed = 1.0


class VoiceUploadBody(ClientBody):
    """Register a voice from an audio file."""

    model_config = ConfigDict(extra="allow", frozen=True, loc_by_alias=False)

    audio: AudioFile = Field(
        validation_alias=AliasChoices(
            "audio", "file", "audio_file", "audio_sample", "voice_file", "voice", "sample"
        )
    )
    name: str | None = Field(
        default=None,
        validation_alias=AliasChoices("name", "voice_name", "voice_id"),
        description="what to call the voice; by default the service finds a name",
    )
    transcript: str | None = Field(
        default=None,
        validation_alias=AliasChoices("transcript", "text", "ref_text"),
        description="what is said in the file",
    )
    language: Language = None
    consent: str | None = Field(default=None, description="what the speaker agreed to")


class ClipBody(ClientBody):
    """Measure a clip without keeping it."""

    audio_sample: AudioFile


class NewVoiceBody(ClipBody):
    """Register a voice from a clip."""

    name: str = Field(description="what to call the voice")
    type: Literal["audio_sample"] = Field(default="audio_sample", description="audio_sample")
    ref_text: str | None = Field(default=None, description="what is said in the clip")
    language: Language = None
    consent: str | None = Field(default=None, description="what the speaker agreed to")


class RenameBody(StrictModel):
    """Give a voice another name."""

    name: str = Field(description="what to call the voice")
