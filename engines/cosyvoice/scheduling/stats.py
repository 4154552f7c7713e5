"""What a scheduler has done."""

import time
from dataclasses import dataclass

from engines.cosyvoice.config import SAMPLE_RATE_HZ
from engines.cosyvoice.scheduling.speech import Speech


@dataclass(slots=True)
class SchedulerStats:
    """Running totals. Written by the scheduler's thread; reading them is safe from any."""

    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    """Segments that went wrong and were begun again with another seed."""
    underruns: int = 0
    """Chunks that came after a player that started with the first one had run dry."""
    audio_s: float = 0.0
    queue_wait_s: float = 0.0
    """Sum over all requests that were begun."""
    begun: int = 0
    first_audio_s: float = 0.0
    """Sum over all requests that were heard."""
    heard: int = 0
    llm_steps: int = 0
    llm_rows: int = 0
    passes: int = 0
    """Of flow and vocoder."""
    pass_rows: int = 0
    unremembered: int = 0
    """Chunks whose past was computed anew because the flow's memory was full."""

    def note_audio(self, speech: Speech, num_samples: int) -> None:
        """Count samples that are delivered to ``speech`` now."""
        now_s = time.monotonic()
        if speech.first_audio_s is None:
            self.heard += 1
            self.first_audio_s += now_s - speech.arrived_s
        self.underruns += speech.note_audio(num_samples, now_s)
        self.audio_s += num_samples / SAMPLE_RATE_HZ
