"""Voices, as clients see them."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel

from voices.voice import Voice, VoiceQuality, VoiceWarning


class VoiceView(Voice):
    """A voice, as clients of OpenAI read it."""

    type: Literal["audio_sample"] = "audio_sample"

    @classmethod
    def of(cls, voice: Voice) -> Self:
        """Show ``voice``."""
        return cls.model_validate(voice.model_dump() | cls._more(voice))

    @classmethod
    def _more(cls, voice: Voice) -> dict[str, str]:
        return {}


class VoiceName(BaseModel):
    """All that Open WebUI wants to know of a voice."""

    id: str
    name: str


class VoiceList(BaseModel):
    """All voices: in ``data`` for OpenAI's clients, in ``voices`` for Open WebUI."""

    object: Literal["list"] = "list"
    data: list[VoiceView]
    voices: list[VoiceName]

    @classmethod
    def of(cls, voices: Iterable[Voice]) -> Self:
        """Show ``voices``."""
        known = list(voices)
        names = [VoiceName(id=voice.id, name=voice.name) for voice in known]
        return cls(data=[VoiceView.of(voice) for voice in known], voices=names)


class DeletedVoice(BaseModel):
    """A voice that is gone."""

    id: str
    object: Literal["audio.voice.deleted"] = "audio.voice.deleted"
    deleted: Literal[True] = True


class ClipQuality(BaseModel):
    """What was measured in a clip, and what a person could do better."""

    object: Literal["audio.voice_quality"] = "audio.voice_quality"
    quality: VoiceQuality
    warnings: tuple[VoiceWarning, ...]


class CloningVoice(VoiceView):
    """A voice, as clients of a voice cloning service read it."""

    voice_id: str

    @classmethod
    def _more(cls, voice: Voice) -> dict[str, str]:
        return {"voice_id": voice.id}


class UploadedVoice(BaseModel):
    """A voice that was registered."""

    success: Literal[True] = True
    voice_id: str
    voice: CloningVoice


class CloningVoices(BaseModel):
    """All voices."""

    success: Literal[True] = True
    voices: list[CloningVoice]


class RemovedVoice(BaseModel):
    """A voice that is gone."""

    success: Literal[True] = True
    voice_id: str
