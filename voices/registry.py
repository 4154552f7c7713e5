"""All voices that a replica can speak with: those of the installation, and those in the store."""

from voices.catalogue import VoiceCatalogue
from voices.errors import UnknownVoiceError
from voices.index import VoiceIndex
from voices.view import VoiceView
from voices.voice import Voice, name_key


class VoiceRegistry:
    """Finds voices by name, in whatever case, or by id.

    A voice of the installation wins over a stored one of the same name, which can only come to be
    when its folder is added later; the stored one still has its id.

    Args:
        catalogue: the voices of the installation.
        view: of the store; without one there are no others.
    """

    def __init__(self, catalogue: VoiceCatalogue, view: VoiceView | None = None) -> None:
        self._builtin = {
            name_key(name): voice.as_voice() for name, voice in catalogue.voices.items()
        }
        self._view = view

    async def refresh(self, *, now: bool = False) -> VoiceIndex:
        """Look at the store, if that is due; as ``VoiceView.refresh``."""
        return await self._view.refresh(now=now) if self._view else VoiceIndex()

    def voices(self) -> list[Voice]:
        """All voices, those of the installation first, each part by name."""
        stored = (entry.record for entry in self._index.live.values())
        return [*self._builtin.values(), *sorted(stored, key=lambda voice: name_key(voice.name))]

    def find(self, name_or_id: str) -> Voice | None:
        """Return the voice of this name or id, or None."""
        return self._builtin.get(name_key(name_or_id)) or self._index.find(name_or_id)

    def get(self, name_or_id: str) -> Voice:
        """Return the voice of this name or id.

        Raises:
            UnknownVoiceError: there is none; the error lists those that are.
        """
        voice = self.find(name_or_id)
        if voice is None:
            raise UnknownVoiceError(name_or_id, (voice.name for voice in self.voices()))
        return voice

    @property
    def _index(self) -> VoiceIndex:
        return self._view.index if self._view else VoiceIndex()
