"""What can be wrong with a voice.

Every error passes its arguments to ``Exception``, so that it survives pickling between replicas.
"""

from collections.abc import Iterable


class UnknownVoiceError(LookupError):
    """No voice has this name or id."""

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


class DuplicateVoiceError(ValueError):
    """Another voice has this name, in whatever case."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"there is a voice {self.args[0]!r} already; choose another name, or delete it first"


class TooManyVoicesError(ValueError):
    """The owner has as many voices as one may have."""

    def __init__(self, owner: str, max_voices: int) -> None:
        super().__init__(owner, max_voices)

    def __str__(self) -> str:
        owner, max_voices = self.args
        return f"{owner} has {max_voices} voices, as many as are allowed; delete one first"


class NotYourVoiceError(PermissionError):
    """Somebody else owns the voice."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"only its owner or an administrator may change the voice {self.args[0]!r}"


class BuiltinVoiceError(PermissionError):
    """The voice belongs to the installation."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.args[0]!r} is a built-in voice, which cannot be renamed or deleted"


class VoiceStoreError(RuntimeError):
    """The voice store cannot be reached or does not work. The cause is logged, never sent."""

    def __str__(self) -> str:
        return "the voice store does not answer at the moment; try again shortly"
