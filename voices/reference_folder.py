"""The one folder from which a client may name a reference by its path."""

from pathlib import Path

from voices.errors import ForbiddenPathError

_MAX_PATH_CHARACTERS = 1_024


class ReferenceFolder:
    """Resolves paths that clients send. Nothing outside the folder is ever opened."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder else None

    def find(self, path: str) -> Path:
        """Return the file that ``path`` names inside the folder.

        Links are followed before the check, so a link cannot lead out.

        Raises:
            ForbiddenPathError: there is no folder, or no such file inside it. The error does not
                say which, so that nobody can feel out what lies outside.
        """
        if self._folder is None or len(path) > _MAX_PATH_CHARACTERS or "\0" in path:
            raise ForbiddenPathError
        file = (self._folder / path).resolve()
        if not file.is_relative_to(self._folder) or not file.is_file():
            raise ForbiddenPathError
        return file
