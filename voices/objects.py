"""Small objects in a folder of any file system that fsspec knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import fsspec
from loguru import logger

from voices.errors import VoiceStoreError

_FAILURES = (OSError, ValueError, RuntimeError)
"""What fsspec's file systems raise."""


class ObjectExistsError(Exception):
    """There is an object with this key already."""


class ObjectChangedError(Exception):
    """The object is not the version that was expected, or is gone."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing; ``version`` differs whenever its content does."""

    version: str
    modified_s: float


class Objects(Protocol):
    """Objects by key (``folder/name``). Each write is there as a whole or not at all.

    Every method raises ``VoiceStoreError`` where the file system fails.
    """

    def read(self, key: str) -> bytes | None:
        """Return an object's content; None where there is none."""
        ...

    def list(self, folder: str) -> dict[str, Listed]:
        """Return the objects right inside ``folder``, by name, as they are now."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write an object, in place of what was there."""
        ...

    def create(self, key: str, data: bytes) -> None:
        """Write an object that is not there yet; of several who try, one succeeds.

        Raises:
            ObjectExistsError: it is there.
        """
        ...

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Write in place of ``version``.

        Raises:
            ObjectChangedError: the object is another version, or gone.
        """
        ...

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete an object, if it is there; only ``version`` of it, if that is given."""
        ...

    def remove_unfinished(self, before_s: float) -> None:
        """Remove what writes left behind that were cut off before that time."""
        ...


class RemoteObjects:
    """Objects in an object store, by fsspec.

    On S3 the server itself decides who creates, replaces and deletes (``If-None-Match``,
    ``If-Match``). Other file systems know exclusive creation at most: there two replicas that
    change the same voice in the same instant are not kept apart.

    Args:
        url: of the folder, such as ``s3://bucket/voices``.
        options: what fsspec's file system takes.
    """

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        uncached = {"use_listings_cache": False, "skip_instance_cache": True}
        self._fs, root = fsspec.core.url_to_fs(url, **(uncached | options))
        self._root = root.rstrip("/")
        protocols = (
            (self._fs.protocol,) if isinstance(self._fs.protocol, str) else self._fs.protocol
        )
        self._is_s3 = "s3" in protocols
        self._failures = _FAILURES + (_s3_failures() if self._is_s3 else ())

    def read(self, key: str) -> bytes | None:
        """Return an object's content; None where there is none."""
        with self._guard(key):
            try:
                return bytes(self._fs.cat_file(self._path(key)))
            except FileNotFoundError:
                return None

    def list(self, folder: str) -> dict[str, Listed]:
        """Return what is right inside ``folder``."""
        with self._guard(folder):
            try:
                found = self._fs.ls(self._path(folder), detail=True, refresh=True)
            except FileNotFoundError:
                return {}
        files = [entry for entry in found if entry["type"] == "file"]
        return {entry["name"].rsplit("/", 1)[-1]: self._listed(entry) for entry in files}

    def put(self, key: str, data: bytes) -> None:
        """Write an object, in place of what was there."""
        with self._guard(key):
            self._make_room(key)
            self._fs.pipe_file(self._path(key), data)

    def create(self, key: str, data: bytes) -> None:
        """Write an object, or raise ``ObjectExistsError``."""
        with self._guard(key):
            self._make_room(key)
            try:
                self._fs.pipe_file(self._path(key), data, mode="create")
            except FileExistsError as error:
                raise ObjectExistsError(key) from error
            except OSError as error:
                if _is_refused_condition(error):
                    raise ObjectExistsError(key) from error
                raise

    def replace(self, key: str, data: bytes, version: str) -> None:
        """Write in place of ``version``, or raise ``ObjectChangedError``."""
        with self._guard(key), _changed(key):
            if self._is_s3:
                self._fs.pipe_file(self._path(key), data, IfMatch=version)
                return
            self._expect(key, version)
            self._fs.pipe_file(self._path(key), data)

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete an object, or only ``version`` of it."""
        with self._guard(key):
            try:
                self._delete(key, version)
            except (FileNotFoundError, ObjectChangedError):
                return
            except OSError as error:
                if not _is_refused_condition(error):
                    raise

    def remove_unfinished(self, before_s: float) -> None:
        """Nothing: object stores keep no half of an object."""

    @contextmanager
    def _guard(self, key: str) -> Iterator[None]:
        """Turn what a file system raises into our own error, and log it."""
        try:
            yield
        except self._failures as error:
            logger.warning("the voice store failed at {}: {!r}", key, error)
            raise VoiceStoreError from error

    def _delete(self, key: str, version: str | None) -> None:
        path = self._path(key)
        if version is None:
            self._fs.rm_file(path)
        elif self._is_s3:
            bucket, name, _ = self._fs.split_path(path)
            self._fs.call_s3("delete_object", Bucket=bucket, Key=name, IfMatch=version)
        else:
            self._expect(key, version)
            self._fs.rm_file(path)

    def _expect(self, key: str, version: str) -> None:
        folder, _, name = key.rpartition("/")
        listed = self.list(folder).get(name)
        if listed is None or listed.version != version:
            raise ObjectChangedError(key)

    def _make_room(self, key: str) -> None:
        if not self._is_s3:  # folders are real elsewhere
            self._fs.makedirs(self._path(key).rpartition("/")[0], exist_ok=True)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _listed(self, entry: dict[str, Any]) -> Listed:
        modified = entry.get("LastModified") or entry.get("mtime") or entry.get("created")
        moment = modified.timestamp() if isinstance(modified, datetime) else float(modified or 0)
        fallback = f"{modified}-{entry.get('size')}"
        version = entry.get("ETag") or entry.get("etag") or entry.get("md5Hash") or fallback
        return Listed(str(version), moment or datetime.now(UTC).timestamp())


def _s3_failures() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415  comes with the s3 extra

    return (BotoCoreError,)


def _is_refused_condition(error: OSError) -> bool:
    """Whether a server answered that a condition does not hold: 412, or 409 in a race."""
    cause = error.__cause__
    response = getattr(cause, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    return code in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@contextmanager
def _changed(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectChangedError(key) from error
    except OSError as error:
        if _is_refused_condition(error):
            raise ObjectChangedError(key) from error
        raise
