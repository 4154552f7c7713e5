"""Which chunks are made next: those of the listeners who run dry soonest."""

import time
from collections.abc import Iterable

from engines.cosyvoice.scheduling.hops import Pace, choose_hop
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.segment import SegmentChunk
from engines.cosyvoice.scheduling.speech import Speech


def due_chunks(
    speeches: Iterable[Speech], pace: Pace, limits: SchedulerLimits
) -> list[SegmentChunk]:
    """What one pass makes of ``speeches``: the most urgent chunks, as many as fit into it.

    Earliest deadline first (Liu and Layland, 1973), where a deadline is the moment at which the
    listener has heard everything; interactive requests come before batches.
    """
    chosen: list[SegmentChunk] = []
    frames = 0
    now_s = time.monotonic()
    for speech in sorted(speeches, key=lambda s: (s.request.priority, s.dry_at_s)):
        chunk = _next_chunk(speech, now_s, pace, limits)
        if chunk is None:
            continue
        frames += chunk.frames_to_solve
        if chosen and frames > limits.frames_per_pass:
            break
        chosen.append(chunk)
    return chosen


def _next_chunk(
    speech: Speech, now_s: float, pace: Pace, limits: SchedulerLimits
) -> SegmentChunk | None:
    if not speech.segments:
        return None
    segment = speech.segments[0]
    lead_s = speech.lead_s(now_s)
    return segment.next_chunk(choose_hop(lead_s, segment.waiting_tokens, pace, limits.largest_hop))
