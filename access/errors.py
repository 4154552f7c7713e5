"""What can be wrong with keys.

Every error passes its arguments to ``Exception``, so that it survives pickling between replicas.
"""

from pathlib import Path


class KeyFileError(RuntimeError):
    """The key file is not as it should be; the message names it and the fault, and no key."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(file, problem)

    def __str__(self) -> str:
        file, problem = self.args
        return f"the key file {file} {problem}"


class UnknownKeyError(LookupError):
    """No key has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"there is no key called {self.args[0]!r}"


class DuplicateKeyError(ValueError):
    """A key of this name is there already."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"there is a key called {self.args[0]!r} already; revoke it first"


class LimitReachedError(RuntimeError):
    """A key has been used as much as it may be."""

    def __init__(self, limit: str, retry_after_s: float) -> None:
        super().__init__(limit, retry_after_s)

    @property
    def retry_after_s(self) -> float:
        """Seconds after which another try makes sense."""
        return float(self.args[1])

    def __str__(self) -> str:
        return f"this API key is limited to {self.args[0]}; try again in {self.retry_after_s:.0f} s"
