"""What an engine can refuse, and how it can fail.

Every error passes its arguments to ``Exception``, so that it survives pickling between replicas.
"""

from collections.abc import Iterable


class EngineLoadError(RuntimeError):
    """The engine cannot start; the message says what is missing and how to get it."""


class EngineFailureError(RuntimeError):
    """The engine broke while speaking. The cause is logged, never sent to a client."""


class UnsupportedModeError(ValueError):
    """The engine does not do this mode."""

    def __init__(self, engine: str, mode: str, modes: Iterable[str]) -> None:
        super().__init__(engine, mode, tuple(modes))

    def __str__(self) -> str:
        engine, mode, modes = self.args
        return f"the {engine} engine cannot do {mode}; it can do {', '.join(modes)}"


class UnsupportedLanguageError(ValueError):
    """The engine does not speak this language."""

    def __init__(self, engine: str, language: str, languages: Iterable[str]) -> None:
        super().__init__(engine, language, tuple(languages))

    def __str__(self) -> str:
        engine, language, languages = self.args
        return f"the {engine} engine does not speak {language!r}; it speaks {', '.join(languages)}"


class NothingToSpeakError(ValueError):
    """The text holds nothing that the engine can pronounce."""

    def __init__(self, engine: str) -> None:
        super().__init__(engine)

    def __str__(self) -> str:
        return f"the text holds nothing that the {self.args[0]} engine can pronounce"


class VoiceNeededError(ValueError):
    """The engine has no voice of its own, and the request names none that it can use."""

    def __init__(self, engine: str) -> None:
        super().__init__(engine)

    def __str__(self) -> str:
        return f"the {self.args[0]} engine needs a voice: one that its prepare_voice returned"


class EngineBusyError(RuntimeError):
    """The engine could not begin to speak in time, or would starve those who listen already."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)

    @property
    def retry_after_s(self) -> float:
        """Seconds after which another try makes sense."""
        return float(self.args[0])

    def __str__(self) -> str:
        return f"the engine is busy; try again in {self.retry_after_s:g} s"
