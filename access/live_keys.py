"""Keys that follow their file while the service runs."""

import time
from pathlib import Path

from loguru import logger

from access.errors import KeyFileError
from access.key_file import KeyFile
from access.keys import ApiKey, KeyRing

_CHECK_S = 1.0
"""How long a change may stay unnoticed."""

_Stamp = tuple[int, int, int, int] | None


class LiveKeys:
    """The keys of a file, read again when it changes.

    The service does not start without a good file. A file that breaks or goes away later leaves
    the last good keys in force and is logged: to lock everybody out, revoke the keys.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            KeyFileError: it is missing, unreadable or no key file.
        """
        self._file = KeyFile(path)
        self._stamp = _stamp(path)
        self._ring = KeyRing(self._file.read())
        self._checked = time.monotonic()

    def find(self, secret: str) -> ApiKey | None:
        """Return the key whose secret this is, if any, by the file as of at most a second ago."""
        if time.monotonic() - self._checked > _CHECK_S:
            self._follow()
        return self._ring.find(secret)

    def _follow(self) -> None:
        self._checked = time.monotonic()
        stamp = _stamp(self._file.path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._ring = KeyRing(self._file.read())
        except KeyFileError as error:
            logger.error("{}; the {} keys read before stay in force", error, len(self._ring))
        else:
            logger.info("{} keys are in force", len(self._ring))


def _stamp(path: Path) -> _Stamp:
    """What changes when the file does: a new file has another inode, a changed one another time."""
    try:
        found = path.stat()  # follows links: mounted secrets consist of them
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
