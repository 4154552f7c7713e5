"""A request in work: its segments, and what its listener has in hand."""

from collections import deque

from engines.cosyvoice.config import SAMPLE_RATE_HZ
from engines.cosyvoice.llm import LlmPrompt
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.segment import Segment


class Speech:
    """The state of one request.

    Attributes:
        request: what is asked.
        arrived_s: when, on the monotonic clock.
        prompts: of the segments that have not been begun.
        segments: those that have, the one that is heard first; at most two.
        begun: number of segments begun so far.
        cancelled: whether the listener has left.
    """

    def __init__(self, request: SpeechRequest, arrived_s: float) -> None:
        self.request = request
        self.arrived_s = arrived_s
        self.prompts: deque[LlmPrompt] = deque(request.prompts)
        self.segments: deque[Segment] = deque()
        self.begun = 0
        self.cancelled = False
        self.first_audio_s: float | None = None
        self.audio_s = 0.0

    @property
    def is_over(self) -> bool:
        """Whether everything has been heard."""
        return not self.prompts and not self.segments

    @property
    def dry_at_s(self) -> float:
        """When the listener has heard all that was made; for one who waits, when he came."""
        if self.first_audio_s is None:
            return self.arrived_s
        return self.first_audio_s + self.audio_s

    def lead_s(self, now_s: float) -> float:
        """Audio that the listener still has in hand."""
        return 0.0 if self.first_audio_s is None else max(self.dry_at_s - now_s, 0.0)

    def note_audio(self, num_samples: int, now_s: float) -> bool:
        """Count samples that are delivered now; whether the listener had run dry before them."""
        ran_dry = self.first_audio_s is not None and now_s > self.dry_at_s
        if ran_dry:
            self.first_audio_s = now_s - self.audio_s
        elif self.first_audio_s is None:
            self.first_audio_s = now_s
        self.audio_s += num_samples / SAMPLE_RATE_HZ
        return ran_dry
