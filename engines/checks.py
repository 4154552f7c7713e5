"""What every engine decides in the same way: what it refuses, and which language it speaks."""

from dataclasses import replace

from engines.errors import UnsupportedLanguageError, UnsupportedModeError
from engines.protocol import EngineInfo, SynthesisRequest

_NEAREST = {"id": "ms", "ms": "id"}
"""Languages whose speakers understand each other's, and whose letters sound alike."""


def check_request(info: EngineInfo, request: SynthesisRequest) -> None:
    """Refuse what the engine of ``info`` cannot do.

    Raises:
        UnsupportedModeError: the mode is not among ``info.modes``.
        UnsupportedLanguageError: a language is asked for that ``info.languages`` lacks.
    """
    if request.mode not in info.modes:
        raise UnsupportedModeError(info.name, request.mode, sorted(info.modes))
    if request.language and info.languages and request.language not in info.languages:
        raise UnsupportedLanguageError(info.name, request.language, info.languages)


def in_spoken_language(info: EngineInfo, request: SynthesisRequest) -> SynthesisRequest:
    """Return ``request`` in the language that the engine of ``info`` will speak.

    That is the one asked for. One that was only guessed gives way, where the engine lacks it, to
    its nearest relative, else to the engine's default; so does none at all.
    """
    languages, language = info.languages, request.language
    if not languages or language in languages or (language and not request.language_guessed):
        return request
    nearest = _NEAREST.get(language or "")
    spoken = nearest if nearest in languages else languages[0]
    return replace(request, language=spoken, language_guessed=False)
