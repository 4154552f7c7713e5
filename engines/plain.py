"""What engines have in common that compute each request by itself."""

from collections.abc import Mapping

from engines.errors import EngineLoadError
from engines.protocol import PreparedVoice


class PlainEngine:
    """Has no thread that could die, and counts nothing that its deployment does not."""

    @property
    def is_alive(self) -> bool:
        """Always."""
        return True

    def figures(self) -> Mapping[str, float]:
        """None."""
        return {}

    def pack_voice(self, voice: PreparedVoice) -> bytes:
        """Never asked for: there is no ``voice_format``."""
        raise NotImplementedError

    def unpack_voice(self, data: bytes) -> PreparedVoice:
        """There is no ``voice_format``, so that this is none."""
        raise EngineLoadError("this engine packs no voices")

    def forget_voice(self, voice: PreparedVoice) -> None:
        """Nothing: no voice is remembered."""
