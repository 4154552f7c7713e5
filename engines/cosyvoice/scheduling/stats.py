"""What a scheduler has done."""

from dataclasses import dataclass


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
