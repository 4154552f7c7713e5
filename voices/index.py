"""What the store's index says: which voices there are, and what is left over of others.

The index is one folder. An object ``name-<name>`` holds the record of a voice; it is written in
one piece, with nothing else to come after it. An empty object ``gone-<id>`` says that a voice was
deleted, whatever records of it are still there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from loguru import logger
from pydantic import ValidationError

from voices.objects import Listed, Objects
from voices.voice import Voice, name_key

FOLDER = "index"
_NAME = "name-"
_GONE = "gone-"


class VoiceRecord(Voice):
    """A stored voice, and how often it was renamed."""

    revision: int = 0

    @property
    def object_name(self) -> str:
        """Name of the record's object in the index."""
        return object_name(self.name)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and the version of its object."""

    record: VoiceRecord
    version: str


def object_name(name: str) -> str:
    """The object that a voice called ``name`` is recorded in."""
    return _NAME + quote(name_key(name), safe="")


def gone_name(voice_id: str) -> str:
    """The object that says that a voice was deleted."""
    return _GONE + voice_id


@dataclass(frozen=True, slots=True)
class VoiceIndex:
    """The index at one moment.

    Attributes:
        entries: all records by their objects' names.
        gone: when voices were deleted, by id.
        live: the records that count, by id. A rename that was cut off leaves two records of one
            voice: that of the higher revision counts.
        by_name: the same, by ``name_key``.
        unreadable: objects that hold no record; nothing of them is touched.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    gone: Mapping[str, float] = field(default_factory=dict)
    live: Mapping[str, Entry] = field(default_factory=dict)
    by_name: Mapping[str, Entry] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        entries: Mapping[str, Entry],
        gone: Mapping[str, float],
        unreadable: frozenset[str] = frozenset(),
    ) -> "VoiceIndex":
        """Find out what counts."""
        live: dict[str, Entry] = {}
        for _, entry in sorted(entries.items()):
            record = entry.record
            known = live.get(record.id)
            if record.id not in gone and (
                known is None or record.revision >= known.record.revision
            ):
                live[record.id] = entry
        by_name = {name_key(entry.record.name): entry for entry in live.values()}
        return cls(entries, gone, live, by_name, unreadable)

    def find(self, name_or_id: str) -> VoiceRecord | None:
        """Return the voice of this id or name."""
        entry = self.live.get(name_or_id) or self.by_name.get(name_key(name_or_id))
        return entry.record if entry else None

    def owned_by(self, owner: str) -> int:
        """Number of the voices of ``owner``."""
        return sum(entry.record.owner == owner for entry in self.live.values())

    def leftovers(self) -> dict[str, Entry]:
        """Records that do not count."""
        return {
            name: entry
            for name, entry in self.entries.items()
            if self.live.get(entry.record.id) is not entry
        }


class IndexReader:
    """Reads the index; a record that has not changed is not fetched again."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._entries: dict[str, Entry] = {}
        self._unreadable: dict[str, str] = {}

    def read(self) -> VoiceIndex:
        """List the index as it is now.

        Raises:
            VoiceStoreError: the store does not answer.
        """
        entries: dict[str, Entry] = {}
        gone: dict[str, float] = {}
        unreadable: dict[str, str] = {}
        for name, listed in self._objects.list(FOLDER).items():
            if name.startswith(_GONE):
                gone[name.removeprefix(_GONE)] = listed.modified_s
            elif name.startswith(_NAME):
                if self._unreadable.get(name) == listed.version:
                    unreadable[name] = listed.version
                    continue
                try:
                    if entry := self._entry(name, listed):
                        entries[name] = entry
                except ValidationError as error:
                    kinds = {problem["type"] for problem in error.errors()}
                    logger.error("the voice record {} cannot be read: {}", name, kinds)
                    unreadable[name] = listed.version
        self._entries, self._unreadable = entries, unreadable
        return VoiceIndex.of(entries, gone, frozenset(unreadable))

    def _entry(self, name: str, listed: Listed) -> Entry | None:
        known = self._entries.get(name)
        if known and known.version == listed.version:
            return known
        data = self._objects.read(f"{FOLDER}/{name}")
        # Deleted since it was listed, or not.
        return Entry(VoiceRecord.model_validate_json(data), listed.version) if data else None
