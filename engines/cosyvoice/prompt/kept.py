"""Prepared voices on disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from configs.environment import resolve_path
from engines.cosyvoice.config import Version
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.errors import EngineLoadError
from engines.protocol import Reference


@dataclass(frozen=True, slots=True)
class KeptVoices:
    """Voices by what is heard in their clips; keeps nothing where ``folder`` is None.

    A disk that fails costs time, never a request: the voice is prepared as if it had not been kept.
    """

    folder: Path | None
    version: Version

    def get(self, reference: Reference, prepare: Callable[[Reference], VoicePrompt]) -> VoicePrompt:
        """Read the voice of ``reference``, or prepare and keep it."""
        if self.folder is None:
            return prepare(reference)
        name = f"{reference.content_key()}.{self.version}.safetensors"
        file = resolve_path(self.folder) / name
        if file.is_file():
            try:
                return VoicePrompt.load(file, self.version)
            except EngineLoadError as error:
                logger.warning("{}; the voice is prepared anew", error)
        voice = prepare(reference)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            voice.save(file)
        except OSError as error:
            logger.warning("the voice could not be kept in {}: {}", file, error)
        return voice
