"""The voices that are there: one folder each, with ``voice.toml`` and the clip beside it."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import soundfile
from pydantic import Field, ValidationError

from configs.strict import StrictModel
from voices.errors import BrokenVoiceError, UnknownVoiceError
from voices.voice import Voice

BUILTIN_FOLDER = Path(__file__).parent / "builtin"
BUILTIN_OWNER = "builtin"
_DESCRIPTION = "voice.toml"


class VoiceDescription(StrictModel):
    """What ``voice.toml`` holds."""

    clip: str = Field(pattern=r"^[\w.-]+$")
    """File name of the reference clip, in the same folder."""
    transcript: str | None = Field(default=None, min_length=1)
    """What is said in the clip, word for word, where somebody wrote it down."""
    language: str
    """Language code of the clip."""
    licence: str
    """Licence of the clip."""
    source: str
    """Where the clip comes from."""


@dataclass(frozen=True, slots=True)
class FolderVoice:
    """A voice that lies in a folder of its own."""

    name: str
    description: VoiceDescription
    clip: Path

    def as_voice(self) -> Voice:
        """The voice as all others are shown."""
        return Voice(
            id=self.name,
            name=self.name,
            language=self.description.language,
            transcript=self.description.transcript,
            owner=BUILTIN_OWNER,
            created_at=int(self.clip.stat().st_mtime),
            duration_s=_duration_s(self.clip),
            builtin=True,
            clip=self.clip,
        )


class VoiceCatalogue:
    """Voices by name, read once from folders; a later folder wins over an earlier one."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._voices: dict[str, FolderVoice] = {}
        for folder in folders:
            self._voices |= _read_folder(folder)

    @property
    def voices(self) -> Mapping[str, FolderVoice]:
        """All voices by name, sorted."""
        return dict(sorted(self._voices.items()))

    def get(self, name: str) -> FolderVoice:
        """Return the voice called ``name``.

        Raises:
            UnknownVoiceError: there is none; the error lists those that are.
        """
        voice = self._voices.get(name)
        if voice is None:
            raise UnknownVoiceError(name, sorted(self._voices))
        return voice


def _read_folder(folder: Path) -> dict[str, FolderVoice]:
    if not folder.is_dir():
        raise BrokenVoiceError(f"the voice folder {folder} is not there")
    descriptions = sorted(folder.glob(f"*/{_DESCRIPTION}"))
    return {file.parent.name: _read_voice(file) for file in descriptions}


def _read_voice(file: Path) -> FolderVoice:
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8"))
        description = VoiceDescription.model_validate(fields)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BrokenVoiceError(f"{file}: {error}") from error
    clip = file.parent / description.clip
    if not clip.is_file():
        raise BrokenVoiceError(f"{file}: the clip {clip.name} is missing")
    return FolderVoice(name=file.parent.name, description=description, clip=clip)


def _duration_s(clip: Path) -> float | None:
    """Length of a clip; None where only FFmpeg can tell."""
    try:
        return float(soundfile.info(clip).duration)
    except soundfile.LibsndfileError:
        return None
