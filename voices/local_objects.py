"""Small objects in a folder of this machine that survive a crash at any moment."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from voices.errors import VoiceStoreError
from voices.objects import Listed, ObjectChangedError, ObjectExistsError

_UNFINISHED = ".part-"
_LOCK = ".lock"
_LOCK_TIMEOUT_S = 10.0
_LOCK_RETRY_S = 0.005


class LocalObjects:
    """``Objects`` in a folder, which several processes may share.

    A write goes to a file of its own, is flushed to the disk, and only then gets its name. What
    depends on what is there already happens under a file lock, which the kernel takes from a
    process that dies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> bytes | None:
        """Return an object's content; None where there is none."""
        with _store_errors(key):
            try:
                return (self._folder / key).read_bytes()
            except FileNotFoundError:
                return None

    def list(self, folder: str) -> dict[str, Listed]:
        """Return what is right inside ``folder``."""
        found: dict[str, Listed] = {}
        with _store_errors(folder):
            try:
                entries = list(os.scandir(self._folder / folder))
            except FileNotFoundError:
                return found
            for entry in entries:
                if entry.name.startswith(".") or not entry.is_file():
                    continue
                if listed := _listed(Path(entry.path)):
                    found[entry.name] = listed
        return found

    def put(self, key: str, data: bytes) -> None:
        """Write an object, in place of what was there."""
        with _store_errors(key), self._written(key, data) as written:
            _rename(written, self._folder / key)

    def create(self, key: str, data: bytes) -> None:
        """Write an object, or raise ``ObjectExistsError``."""
        file = self._folder / key
        with _store_errors(key), self._written(key, data) as written, self._lock():
            if file.exists():
                raise ObjectExistsError(key)
            _rename(written, file)

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Write in place of ``version``, or raise ``ObjectChangedError``."""
        with _store_errors(key), self._written(key, data) as written, self._lock():
            self._expect(key, version)
            _rename(written, self._folder / key)

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete an object, or only ``version`` of it."""
        file = self._folder / key
        with _store_errors(key):
            if not file.exists():
                return
            with self._lock():
                try:
                    if version is not None:
                        self._expect(key, version)
                    file.unlink()
                except (FileNotFoundError, ObjectChangedError):
                    return
                _sync_folder(file.parent)

    def remove_unfinished(self, before_s: float) -> None:
        """Remove files of writers that died before that time."""
        for file in self._folder.glob(f"*/{_UNFINISHED}*"):
            listed = _listed(file)
            if listed and listed.modified_s < before_s:
                file.unlink(missing_ok=True)

    def _expect(self, key: str, version: str) -> None:
        listed = _listed(self._folder / key)
        if listed is None or listed.version != version:
            raise ObjectChangedError(key)

    @contextmanager
    def _written(self, key: str, data: bytes) -> Iterator[Path]:
        """Write ``data`` to a file without a name in listings; gone after the block."""
        folder = (self._folder / key).parent
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{_UNFINISHED}{secrets.token_hex(8)}"
        try:
            with file.open("xb") as unfinished:
                unfinished.write(data)
                unfinished.flush()
                os.fsync(unfinished.fileno())
            yield file
        finally:
            file.unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the folder's lock. Who waits for it too long gives up rather than hang."""
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        with (self._folder / _LOCK).open("ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{file.name} is locked") from None
                    time.sleep(_LOCK_RETRY_S)
            yield


def _listed(file: Path) -> Listed | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    version = f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
    return Listed(version, status.st_mtime)


def _rename(source: Path, target: Path) -> None:
    source.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make sure that names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _store_errors(key: str) -> Iterator[None]:
    """Turn what the operating system raises into our own error, and log it."""
    try:
        yield
    except OSError as error:
        logger.warning("the voice store failed at {}: {!r}", key, error)
        raise VoiceStoreError from error
