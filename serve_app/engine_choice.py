"""Which engine speaks a text, where the client names none: its language decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engines.language_detection import detect_language, is_certain
from engines.languages import normalize_language

COSYVOICE = "cosyvoice"
MMS = "mms"

_COSYVOICE_LANGUAGES = frozenset({"zh", "yue", "en", "ja", "ko", "de", "es", "fr", "it", "ru"})
"""What CosyVoice 3 was trained for. Every other language is one that only MMS can have."""


@dataclass(frozen=True, slots=True)
class TextLanguage:
    """A text's language, and how well it is known.

    Attributes:
        code: normalised; None where neither the client nor the text says.
        is_guess: whether it was guessed from Latin letters, so that another one is possible.
    """

    code: str | None
    is_guess: bool

    @classmethod
    def of(cls, text: str, asked: str | None) -> "TextLanguage":
        """Return the language ``asked`` for, else the one that most of ``text`` is in."""
        if asked is not None:
            return cls(asked, is_guess=False)
        detected = detect_language(text)
        return cls(detected, is_guess=detected is not None and not is_certain(detected))


class EngineChoice:
    """From languages to engines.

    Args:
        overrides: language code to the engine that a profile wants for it.
    """

    def __init__(self, overrides: Mapping[str, str] = MappingProxyType({})) -> None:
        self._overrides = {normalize_language(code): name for code, name in overrides.items()}

    def engine_for(self, language: TextLanguage) -> str:
        """Return the engine for ``language``; CosyVoice where it is not known."""
        if language.code is None:
            return COSYVOICE
        if engine := self._overrides.get(language.code):
            return engine
        return COSYVOICE if language.code in _COSYVOICE_LANGUAGES else MMS
