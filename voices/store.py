"""The voice store: what was registered, in a folder or an object store that replicas share.

    index/name-<name>          a voice's record, written last
    index/gone-<id>            says that a voice was deleted, written first
    clips/<id>.flac            its reference clip, never changed
    features/<id>.<format>     what an engine drew from the clip

Whoever dies in the middle leaves a clip without a record, or parts of a voice that is gone; neither
is seen by anybody, and ``sweep`` removes both.
"""

import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from configs.app import Voices
from configs.environment import resolve_path
from voices.errors import (
    DuplicateVoiceError,
    TooManyVoicesError,
    UnknownVoiceError,
)
from voices.index import FOLDER, IndexReader, VoiceIndex, VoiceRecord, gone_name
from voices.local_objects import LocalObjects
from voices.objects import ObjectChangedError, ObjectExistsError, Objects, RemoteObjects
from voices.voice import ID_PREFIX, Voice, VoiceQuality, VoiceWarning, check_name, name_key

_CLIPS = "clips"
_FEATURES = "features"
_GRACE_S = 3600.0
"""After so long, what belongs to no voice is not somebody's unfinished work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceDraft:
    """A voice that shall be registered, measured and ready to be stored.

    Attributes:
        clip: the reference as FLAC.
        duration_s: of the clip.
    """

    name: str
    owner: str
    clip: bytes
    duration_s: float
    transcript: str | None = None
    language: str | None = None
    consent: str | None = None
    quality: VoiceQuality | None = None
    warnings: tuple[VoiceWarning, ...] = ()


class VoiceStore:
    """Registers, renames and deletes voices; may be called from any thread, and blocks.

    Every method raises ``VoiceStoreError`` where the store does not answer.
    """

    def __init__(self, objects: Objects, max_per_owner: int) -> None:
        self._objects = objects
        self._max_per_owner = max_per_owner
        self._reader = IndexReader(objects)
        self._reading = threading.Lock()

    @classmethod
    def open(cls, settings: Voices) -> Self:
        """Open the store that ``settings`` name; nothing is written before a voice comes."""
        protocol, found, rest = settings.store.partition("://")
        if found and protocol not in ("file", "local"):
            return cls(
                RemoteObjects(settings.store, settings.store_options), settings.max_per_owner
            )
        folder = resolve_path(Path(rest if found else settings.store))
        return cls(LocalObjects(folder), settings.max_per_owner)

    def index(self) -> VoiceIndex:
        """List the voices as they are now."""
        with self._reading:
            return self._reader.read()

    def register(self, draft: VoiceDraft) -> Voice:
        """Store a new voice.

        Raises:
            InvalidFieldError: a voice may not be called so.
            DuplicateVoiceError: another voice has the name.
            TooManyVoicesError: the owner has as many voices as are allowed.
        """
        check_name(draft.name)
        if name_key(draft.name) in self.index().by_name:
            raise DuplicateVoiceError(draft.name)
        self._check_room(draft.owner, limit=self._max_per_owner - 1)
        record = _record(draft)
        try:
            self._objects.put(_clip_key(record.id), draft.clip)
            self._claim(record)
            # Two who come at once may both have found room: then neither stays.
            self._check_room(draft.owner, limit=self._max_per_owner)
        except (DuplicateVoiceError, TooManyVoicesError):
            self._remove(record.id)
            raise
        return record

    def rename(self, voice_id: str, name: str) -> Voice:
        """Give a voice another name.

        Raises:
            InvalidFieldError, DuplicateVoiceError: as ``register``.
            UnknownVoiceError: there is no such voice, or it was deleted meanwhile.
        """
        check_name(name)
        index = self.index()
        entry = index.live.get(voice_id)
        if entry is None:
            raise UnknownVoiceError(voice_id, _names(index))
        old = entry.record
        new = old.model_copy(update={"name": name, "revision": old.revision + 1})
        if new.object_name == old.object_name:
            self._change_case(new, entry.version)
        else:
            self._claim(new)
        index = self.index()
        self._remove_leftovers(index, voice_id)
        if voice_id not in index.live:
            raise UnknownVoiceError(voice_id, _names(index))
        return new

    def delete(self, voice_id: str) -> None:
        """Delete a voice with all that was drawn from it; it is gone at once.

        Raises:
            UnknownVoiceError: there is no such voice.
        """
        index = self.index()
        if voice_id not in index.live:
            raise UnknownVoiceError(voice_id, _names(index))
        self._remove(voice_id)

    def clip(self, voice_id: str) -> bytes:
        """Return a voice's clip, as FLAC.

        Raises:
            UnknownVoiceError: there is none (any more).
        """
        data = self._objects.read(_clip_key(voice_id))
        if data is None:
            raise UnknownVoiceError(voice_id, _names(self.index()))
        return data

    def features(self, voice_id: str, format_name: str) -> bytes | None:
        """Return what an engine stored of a voice, or None."""
        return self._objects.read(_features_key(voice_id, format_name))

    def put_features(self, voice_id: str, format_name: str, data: bytes) -> None:
        """Store what an engine drew from a voice; nothing, if the voice is gone."""
        if voice_id not in self.index().live:
            return
        self._objects.put(_features_key(voice_id, format_name), data)
        if voice_id not in self.index().live:  # deleted in that moment
            self._remove_content(voice_id)

    def sweep(self) -> int:
        """Remove what was left behind; return of how many voices something was found.

        Cheap enough to be called once an hour: it lists every folder of the store.
        """
        index, long_ago = self.index(), time.time() - _GRACE_S
        leftovers = index.leftovers()
        for name, entry in leftovers.items():
            self._objects.delete(f"{FOLDER}/{name}", entry.version)
        strays = self._strays(index, long_ago)
        for voice_id in strays:
            self._remove_content(voice_id)
        found = strays | {entry.record.id for entry in leftovers.values()}
        for voice_id, deleted_s in index.gone.items():
            if deleted_s < long_ago and voice_id not in found:
                self._objects.delete(f"{FOLDER}/{gone_name(voice_id)}")
        self._objects.remove_unfinished(long_ago)
        return len(found)

    def _check_room(self, owner: str, limit: int) -> None:
        if self.index().owned_by(owner) > limit:
            raise TooManyVoicesError(owner, self._max_per_owner)

    def _claim(self, record: VoiceRecord) -> None:
        """Write ``record`` under its name, which from then on is a voice's; of several who try,
        one succeeds.

        A record that does not count any more is written over, if it is still the one that was
        looked at.
        """
        index = self.index()
        if name_key(record.name) in index.by_name:
            raise DuplicateVoiceError(record.name)
        leftover = index.entries.get(record.object_name)
        try:
            if leftover is None:
                self._objects.create(f"{FOLDER}/{record.object_name}", _json(record))
            else:
                self._replace(record, leftover.version)
        except (ObjectExistsError, ObjectChangedError) as error:
            raise DuplicateVoiceError(record.name) from error

    def _change_case(self, record: VoiceRecord, version: str) -> None:
        try:
            self._replace(record, version)
        except ObjectChangedError as error:  # renamed or deleted in that moment
            raise UnknownVoiceError(record.id, _names(self.index())) from error

    def _replace(self, record: VoiceRecord, version: str) -> None:
        self._objects.replace(f"{FOLDER}/{record.object_name}", _json(record), version)

    def _remove(self, voice_id: str) -> None:
        """Make a voice gone, then clean up after it."""
        self._objects.put(f"{FOLDER}/{gone_name(voice_id)}", b"")
        self._remove_leftovers(self.index(), voice_id)
        self._remove_content(voice_id)

    def _remove_leftovers(self, index: VoiceIndex, voice_id: str) -> None:
        for name, entry in index.leftovers().items():
            if entry.record.id == voice_id:
                self._objects.delete(f"{FOLDER}/{name}", entry.version)

    def _remove_content(self, voice_id: str) -> None:
        for name in self._objects.list(_FEATURES):
            if name.startswith(f"{voice_id}."):
                self._objects.delete(f"{_FEATURES}/{name}")
        self._objects.delete(_clip_key(voice_id))

    def _strays(self, index: VoiceIndex, long_ago: float) -> set[str]:
        """Ids of voices that have a clip or features, but no record."""
        if index.unreadable:  # whose clips these are is not known
            return set()
        contents = self._objects.list(_CLIPS), self._objects.list(_FEATURES)
        return {
            voice_id
            for listing in contents
            for name, listed in listing.items()
            if (voice_id := name.partition(".")[0]) not in index.live
            and (voice_id in index.gone or listed.modified_s < long_ago)
        }


def _record(draft: VoiceDraft) -> VoiceRecord:
    return VoiceRecord(
        id=ID_PREFIX + secrets.token_hex(12),
        name=draft.name,
        language=draft.language,
        transcript=draft.transcript,
        owner=draft.owner,
        consent=draft.consent,
        created_at=int(time.time()),
        duration_s=draft.duration_s,
        quality=draft.quality,
        warnings=draft.warnings,
    )


def _json(record: VoiceRecord) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()


def _names(index: VoiceIndex) -> list[str]:
    return sorted(entry.record.name for entry in index.live.values())


def _clip_key(voice_id: str) -> str:
    return f"{_CLIPS}/{voice_id}.flac"


def _features_key(voice_id: str, format_name: str) -> str:
    return f"{_FEATURES}/{voice_id}.{format_name}"
