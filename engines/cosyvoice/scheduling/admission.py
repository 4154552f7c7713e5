"""Whether a newcomer can be served without harm, by what things took lately."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engines.cosyvoice.config import CHUNK_TOKENS, LOOKAHEAD_TOKENS, TOKEN_RATE_HZ
from engines.cosyvoice.scheduling.hops import Pace
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.speech import Speech
from engines.errors import EngineBusyError
from engines.protocol import Priority


@dataclass(frozen=True, slots=True)
class Admission:
    """Refuses what would be heard too late, and what would make others run dry."""

    limits: SchedulerLimits
    pace: Pace

    def refusal(
        self, request: SpeechRequest, running: Sequence[Speech], waiting: Sequence[Speech]
    ) -> EngineBusyError | None:
        """Why ``request`` should not come in now; None if it may.

        Batch requests wait as long as it takes; nobody may starve others.
        """
        if not running and not waiting:
            return None
        late_s = self.first_audio_s(running, waiting) - self.limits.first_audio_budget_s
        if request.priority is Priority.INTERACTIVE and late_s > 0:
            return _busy(late_s)
        if request.streamed and self._would_starve(running, waiting):
            return _busy(self.pace.speech_s / (len(running) + len(waiting)))
        return None

    def first_audio_s(self, running: Sequence[Speech], waiting: Sequence[Speech]) -> float:
        """How long a newcomer would wait for the first sound.

        It waits for a place in the language model if all are taken, thinks its first chunk
        among the others, and has it made after those of all who have heard nothing yet.
        """
        pace, slots = self.pace, self.limits.slots
        ahead = len(running) + len(waiting) + 1 - slots
        queue_s = max(ahead, 0) * pace.speech_s / slots
        before = len(waiting) + sum(speech.is_dry for speech in running)
        think_s = (CHUNK_TOKENS + LOOKAHEAD_TOKENS) * pace.think_s
        return queue_s + think_s + (before + 1) * CHUNK_TOKENS * pace.speak_s

    def _would_starve(self, running: Sequence[Speech], waiting: Sequence[Speech]) -> bool:
        """Whether one more stream is one too many for all to play without a pause.

        A machine on which not even one stream keeps up has nobody to protect.
        """
        streams = 1 + sum(speech.request.streamed for speech in (*running, *waiting))
        return self._load(1) <= 1.0 < self._load(streams)

    def _load(self, streams: int) -> float:
        """Seconds of work in a second of playback; steps of the language model are shared."""
        return TOKEN_RATE_HZ * (self.pace.think_s + streams * self.pace.speak_s)


def _busy(seconds: float) -> EngineBusyError:
    return EngineBusyError(float(max(1, math.ceil(seconds))))
