"""What can be wrong with a voice.

Every error passes its arguments to ``Exception``, so that it survives pickling between replicas.
"""

from collections.abc import Iterable


class UnknownVoiceError(LookupError):
    """No voice has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name, tuple(known))

    def __str__(self) -> str:
        name, known = self.args
        return f"there is no voice {name!r}; known voices: {', '.join(known)}"


class ForbiddenPathError(ValueError):
    """A path leads outside the folder from which clients may name references."""

    def __str__(self) -> str:
        return (
            "the path does not lead to a file inside the configured reference folder; "
            "upload the file, or name a registered voice"
        )


class BrokenVoiceError(RuntimeError):
    """A voice's folder is not as it should be; the message names the file and the fault."""
