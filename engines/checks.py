"""The refusals that every engine makes in the same words."""

from engines.errors import UnsupportedLanguageError, UnsupportedModeError
from engines.protocol import EngineInfo, SynthesisRequest


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
