"""How far a stream goes on with its next chunk."""

from dataclasses import dataclass
from typing import ClassVar

from engines.cosyvoice.config import CHUNK_TOKENS

_LARGEST = 4 * CHUNK_TOKENS
_SHARE_OF_LEAD = 0.5
"""A chunk may take so much of the audio that the listener still has: estimates can be wrong."""


@dataclass(slots=True)
class Pace:
    """How long things take, as measured lately."""

    think_s: float = 0.0
    """Language model, for each token of one stream."""
    speak_s: float = 0.0
    """Flow and vocoder, for each token of one stream."""

    speech_s: float = 0.0
    """A whole speech, from its place in the language model to its end."""

    _WEIGHT: ClassVar[float] = 0.2

    def note_thinking(self, seconds: float) -> None:
        """Take in a step of the language model, which gives every stream a token."""
        self.think_s = self._blend(self.think_s, seconds)

    def note_speaking(self, seconds: float, tokens: int) -> None:
        """Take in a pass that turned ``tokens`` tokens into sound."""
        self.speak_s = self._blend(self.speak_s, seconds / tokens)

    def note_speech(self, seconds: float) -> None:
        """Take in a speech that has come to its end."""
        self.speech_s = self._blend(self.speech_s, seconds)

    def _blend(self, old: float, new: float) -> float:
        return new if old == 0.0 else old + self._WEIGHT * (new - old)


def choose_hop(lead_s: float, waiting_tokens: int, pace: Pace, largest: int = _LARGEST) -> int:
    """Return the tokens of a stream's next hop, a multiple of 25.

    Small while the listener has little audio in hand, larger when he has more: a larger hop costs
    less for each second of audio. Each stream decides for itself (upstream doubles one hop that
    all share, and never goes back).

    Args:
        lead_s: audio that the listener still has; 0 before the first.
        waiting_tokens: tokens that are there already.
        pace: what things cost.
        largest: tokens of the largest hop, a multiple of 25.
    """
    hop = CHUNK_TOKENS
    while hop < largest:
        larger = hop + CHUNK_TOKENS
        missing = max(0, larger - waiting_tokens)
        if missing * pace.think_s + larger * pace.speak_s > _SHARE_OF_LEAD * lead_s:
            break
        hop = larger
    return hop
