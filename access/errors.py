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
