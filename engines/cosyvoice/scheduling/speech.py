"""A request in work: its segments, and what its listener has in hand."""

from collections import deque

from loguru import logger

from engines.cosyvoice.config import SAMPLE_RATE_HZ
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.segment import Segment

_MOST_SEGMENTS = 2
_PATIENCE_S = 5.0


class Speech:
    """The state of one request.

    Attributes:
        request: what is asked.
        arrived_s: when, on the monotonic clock.
        begun_s: when its first segment got a place in the language model.
        segments: those under way, the one that is heard first; at most two.
        begun: number of segments begun so far.
        fed: ids of streamed text so far.
        text_has_ended: whether no more of it comes.
        cancelled: whether the listener has left; any thread may say so.
        first_audio_s: when the first samples were delivered, put later by each time that the
            listener had to wait since.
        audio_s: seconds delivered.
        log: writes lines that carry the request's id.
    """

    def __init__(self, request: SpeechRequest, arrived_s: float) -> None:
        self.request = request
        self.arrived_s = arrived_s
        self.begun_s = arrived_s
        self.segments: deque[Segment] = deque()
        self.begun = 0
        self.fed: list[int] = []
        self.text_has_ended = False
        self.cancelled = False
        self.first_audio_s: float | None = None
        self.audio_s = 0.0
        self.log = logger.bind(request_id=request.request_id)

    @property
    def is_dry(self) -> bool:
        """Whether the listener waits for the first sound of a stream."""
        return self.request.streamed and self.first_audio_s is None

    @property
    def is_over(self) -> bool:
        """Whether everything has been heard."""
        return not self.segments and not self.has_more

    @property
    def has_more(self) -> bool:
        """Whether segments have not been begun."""
        return self.begun < len(self.request.prompts)

    @property
    def wants_next(self) -> bool:
        """Whether the next segment may begin: its predecessor only waits to be heard."""
        return self.has_more and (
            not self.segments or (len(self.segments) < _MOST_SEGMENTS and self.segments[-1].thought)
        )

    @property
    def dry_at_s(self) -> float:
        """When the listener has heard all that was made; for one who waits, when he came.

        Who wants the whole at once is patient for a while.
        """
        if self.first_audio_s is None or not self.request.streamed:
            return self.arrived_s + (0.0 if self.request.streamed else _PATIENCE_S)
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
