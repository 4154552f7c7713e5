"""The scheduler: one thread, one loop, everybody's speech.

Each turn lets newcomers in, gives every speech one token, and makes the chunks that are due, those
first whose listeners run dry soonest.
"""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from engines.cosyvoice.flow import Chunk, Final, FlowRequest
from engines.cosyvoice.llm import LlmDecoder, PromptError, StepResult, StreamedUtterance, Utterance
from engines.cosyvoice.runtime import Runtime
from engines.cosyvoice.scheduling.guards import BrokenSpeechError
from engines.cosyvoice.scheduling.hops import Pace, choose_hop
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.opener import SegmentOpener
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.segment import Segment, SegmentChunk
from engines.cosyvoice.scheduling.speech import Speech
from engines.cosyvoice.scheduling.stats import SchedulerStats
from engines.cosyvoice.vocoder import VocoderChunk


class Scheduler:
    """Batches speeches through one runtime. Belongs to one thread.

    Args:
        runtime: the model.
        limits: how many speeches run at once, how long a pass may be, and the like.
    """

    def __init__(self, runtime: Runtime, limits: SchedulerLimits) -> None:
        self._runtime = runtime
        self._limits = limits
        self._decoder = LlmDecoder(
            runtime.lm,
            slots=limits.slots,
            capacity=limits.positions,
            max_capacity=limits.max_positions,
            prefill_symbols=limits.prefill_symbols,
        )
        self._opener = SegmentOpener(runtime, limits)
        self._waiting: list[Speech] = []
        self._running: list[Speech] = []
        self._owners: dict[Utterance, tuple[Speech, Segment]] = {}
        self.pace = Pace()
        self.stats = SchedulerStats()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._waiting and not self._running

    def add(self, request: SpeechRequest) -> Speech:
        """Take a request in; it begins with one of the next turns."""
        speech = Speech(request, time.monotonic())
        self._waiting.append(speech)
        self._waiting.sort(key=lambda waiting: (waiting.request.priority, waiting.arrived_s))
        return speech

    def step(self) -> None:
        """Do one turn."""
        self._let_go()
        self._let_in()
        self._think()
        chunks = self._due_chunks()
        if chunks:
            self._speak(chunks)
        self._dismiss()
