"""What a voice agent may send on ``/v1/stream/tts``."""

import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from configs.invalid_field import InvalidFieldError
from engines.languages import normalize_language
from serve_app.body_reader import PROBLEMS
from serve_app.client_bodies import ClientBody, Speed
from serve_app.errors import UnreadableBodyError


class _Message(ClientBody):
    """Fields that are not known are ignored: agents send what other servers want, too."""

    model_config = ConfigDict(strict=True)


class Synthesize(_Message):
    """Speak ``text`` after what is spoken already; with ``more`` true, ``text`` messages follow."""

    unused = frozenset({"exaggeration"})

    type: Literal["synthesize"]
    text: str = Field(default="", description="the text to speak")
    voice_id: str = Field(default="default", min_length=1, description="a voice's name or id")
    streaming: bool = Field(default=True, description="true or false")
    more: bool = Field(default=False, description="true or false")
    request_id: str | None = Field(default=None, max_length=128, description="up to 128 characters")
    language: str | None = Field(default=None, description="an ISO 639 code such as en")
    speed: Speed = 1.0
    seed: int | None = Field(default=None, ge=0, lt=2**32, description="0 to 4294967295")
    instruction: str | None = Field(default=None, min_length=1, description="how to speak")
    exaggeration: float | None = Field(
        default=None, ge=0, le=2, description="a number from 0 to 2; no engine here knows it"
    )

    @property
    def language_code(self) -> str | None:
        """The language in the form that engines use."""
        return normalize_language(self.language) if self.language else None


class Text(_Message):
    """Goes on with the utterance that ``synthesize`` with ``more`` began."""

    type: Literal["text"]
    text: str = Field(description="a piece of text, of any length")


class Flush(_Message):
    """Ends that utterance: what was gathered is spoken."""

    type: Literal["flush"]


class Cancel(_Message):
    """Stops what is spoken, and forgets what waits."""

    type: Literal["cancel"]


class RegisterVoice(_Message):
    """Keeps a voice under a name."""

    type: Literal["register_voice"]
    voice_id: str = Field(min_length=1, description="the voice's name")
    reference_audio: str = Field(min_length=1, description="base64 of an audio file")
    reference_text: str | None = Field(default=None, min_length=1, description="what is said in it")
    language: str | None = Field(default=None, description="an ISO 639 code such as en")


class Ping(_Message):
    """Asks for a ``pong``; keeps an idle connection."""

    type: Literal["ping"]


AgentMessage = Synthesize | Text | Flush | Cancel | RegisterVoice | Ping
_KINDS: dict[str, type[_Message]] = {
    "synthesize": Synthesize,
    "text": Text,
    "flush": Flush,
    "cancel": Cancel,
    "register_voice": RegisterVoice,
    "ping": Ping,
}
_ADAPTER: TypeAdapter[AgentMessage] = TypeAdapter(
    Annotated[AgentMessage, Field(discriminator="type")]
)


def read_message(frame: str | bytes) -> AgentMessage:
    """Read one frame.

    Raises:
        UnreadableBodyError: it is no JSON object.
        InvalidFieldError: a field is missing or wrong; names the first such field.
    """
    if isinstance(frame, bytes):
        raise UnreadableBodyError("messages are JSON in text frames, not binary frames")
    try:
        content = json.loads(frame)
    except ValueError as error:
        raise UnreadableBodyError(f"the message is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise UnreadableBodyError("the message is not a JSON object")
    kind = _KINDS.get(str(content.get("type")))
    if kind is None:
        raise InvalidFieldError("type", "is not known", ", ".join(_KINDS))
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][-1])
        text = PROBLEMS.get(problem["type"], problem["msg"])
        raise InvalidFieldError(name, text, kind.model_fields[name].description or "") from error
