"""The key file: JSON, written whole or not at all, read by every replica."""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from access.atomic_file import write_atomically
from access.errors import DuplicateKeyError, KeyFileError, UnknownKeyError
from access.keys import ApiKey, KeyLimits, Scope, hash_of, new_secret
from configs.strict import StrictModel

_VERSION = 1


class _Content(StrictModel):
    version: int = _VERSION
    keys: tuple[ApiKey, ...] = ()


class KeyFile:
    """Reads and changes a key file. Changes exclude each other and are atomic and durable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[ApiKey, ...]:
        """Return all keys.

        Raises:
            KeyFileError: the file is missing, cannot be read, or is no key file.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(self.path, f"cannot be read: {_reason(error)}") from error
        try:
            keys = _Content.model_validate_json(text).keys
        except ValidationError as error:
            where = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
            raise KeyFileError(self.path, f"is not a key file (at {where or 'its top'})") from None
        for what in ("name", "sha256"):
            if len({getattr(key, what) for key in keys}) != len(keys):
                raise KeyFileError(self.path, f"has the same {what} twice")
        return keys

    def add(self, name: str, scopes: Iterable[Scope], limits: KeyLimits | None = None) -> str:
        """Make a key called ``name`` and return it: it is shown here and never again.

        Raises:
            DuplicateKeyError: there is one of that name.
            KeyFileError: the file cannot be read or written.
            pydantic.ValidationError: the name or the scopes are not allowed.
        """
        secret = new_secret()
        key = ApiKey(
            name=name,
            sha256=hash_of(secret),
            scopes=frozenset(scopes),
            limits=limits or KeyLimits(),
            created=int(time.time()),
        )

        def change(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
            if any(other.name == name for other in keys):
                raise DuplicateKeyError(name)
            return (*keys, key)

        self._change(change)
        return secret

    def revoke(self, name: str) -> None:
        """Take the key called ``name`` away.

        Raises:
            UnknownKeyError: there is none.
            KeyFileError: the file cannot be read or written.
        """

        def change(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
            left = tuple(key for key in keys if key.name != name)
            if len(left) == len(keys):
                raise UnknownKeyError(name)
            return left

        self._change(change)

    def _change(self, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.parent):
                keys = change(self.read() if self.path.exists() else ())
                write_atomically(self.path, _Content(keys=keys).model_dump_json(indent=1))
        except OSError as error:
            raise KeyFileError(self.path, f"cannot be written: {_reason(error)}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that of two who change the file none overwrites the other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8"
