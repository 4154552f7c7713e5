"""The scheduler: one thread, one loop, everybody's speech.

Each turn lets newcomers in, gives every speech one token, and makes the chunks that are due, those
first whose listeners run dry soonest.
"""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.cosyvoice.flow import Flow
from engines.cosyvoice.llm import (
    CacheFullError,
    LlmDecoder,
    PromptError,
    SpeechLm,
    StreamedUtterance,
    TextUtterance,
    Utterance,
)
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.scheduling.admission import Admission
from engines.cosyvoice.scheduling.due import due_chunks
from engines.cosyvoice.scheduling.guards import BrokenSpeechError
from engines.cosyvoice.scheduling.hops import Pace
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.opener import SegmentOpener
from engines.cosyvoice.scheduling.renderer import Renderer
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.segment import Segment, SegmentChunk
from engines.cosyvoice.scheduling.shelf import VoiceShelf
from engines.cosyvoice.scheduling.speech import Speech
from engines.cosyvoice.scheduling.stats import SchedulerStats
from engines.cosyvoice.vocoder import Vocoder
from engines.errors import EngineBusyError

_MOST_ATTEMPTS = 2


class Scheduler:
    """Batches speeches through one language model, flow and vocoder. Belongs to one thread."""

    def __init__(
        self, *, lm: SpeechLm, flow: Flow, vocoder: Vocoder, limits: SchedulerLimits
    ) -> None:
        self._limits = limits
        self._decoder = LlmDecoder(
            lm,
            slots=limits.slots,
            capacity=limits.positions,
            max_capacity=limits.max_positions,
            prefill_symbols=limits.prefill_symbols,
        )
        self.stats = SchedulerStats()
        self.pace = Pace()
        self._shelf = VoiceShelf(flow, align=limits.align_prompts)
        self._opener = SegmentOpener(lm.config, self._shelf, vocoder)
        self._renderer = Renderer(flow, vocoder, self._shelf, limits.final, self.stats)
        self._admission = Admission(limits, self.pace)
        self._waiting: list[Speech] = []
        self._running: list[Speech] = []
        self._owners: dict[Utterance, tuple[Speech, Segment]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._waiting and not self._running

    @property
    def slots(self) -> int:
        """Places in the language model."""
        return self._limits.slots

    @property
    def free_slots(self) -> int:
        """Those that nobody has."""
        return self._decoder.free_slots

    def refusal(self, request: SpeechRequest) -> EngineBusyError | None:
        """Why ``request`` should not come in now; None if it may. Any thread may ask."""
        return self._admission.refusal(request, self._running, self._waiting)

    def add(self, request: SpeechRequest) -> Speech:
        """Take a request in; it begins with one of the next turns."""
        speech = Speech(request, time.monotonic())
        self.enter(speech)
        return speech

    def enter(self, speech: Speech) -> None:
        """Take in what ``add`` would make."""
        self._waiting.append(speech)
        self._waiting.sort(key=lambda waiting: (waiting.request.priority.rank, waiting.arrived_s))

    def forget(self, voice: VoicePrompt) -> None:
        """Free what the flow remembers of a voice, once nobody speaks with it."""
        self._shelf.forget(voice)

    def feed(self, speech: Speech, ids: Sequence[int], *, ended: bool) -> None:
        """Add text to a speech whose text is open; nothing happens if it is over."""
        speech.fed.extend(ids)
        speech.text_has_ended = ended
        try:
            for segment in speech.segments:
                _streamed(segment.utterance).feed(ids)
                if ended:
                    _streamed(segment.utterance).end()
        except PromptError as error:
            self._end(speech, error)

    def step(self) -> bool:
        """Do one turn; False if there was nothing to do, because all who are here wait for text."""
        self._let_go()
        self._let_in()
        did_anything = self._think()
        chunks = self._due(self._running)
        while chunks:
            did_anything = True
            self._speak(chunks)
            # Who has heard nothing yet does not wait for another step of the language model.
            chunks = self._due(self._dry())
        return did_anything

    def abandon(self, error: Exception) -> None:
        """End every speech with ``error``."""
        for speech in [*self._waiting, *self._running]:
            self._end(speech, error)

    # -- who is here -----------------------------------------------------------------------

    def _let_go(self) -> None:
        for speech in [*self._waiting, *self._running]:
            if speech.cancelled:
                self.stats.cancelled += 1
                self._dismiss(speech)

    def _let_in(self) -> None:
        """Begin the next segments of speeches under way, then newcomers, while there is room."""
        for speech in list(self._running):
            if speech.wants_next and self._decoder.free_slots:
                self._begin_next(speech)
        while self._waiting and self._decoder.free_slots:
            speech = self._waiting.pop(0)
            self._running.append(speech)
            speech.begun_s = time.monotonic()
            self.stats.begun += 1
            self.stats.queue_wait_s += speech.begun_s - speech.arrived_s
            self._begin_next(speech)

    def _begin_next(self, speech: Speech) -> None:
        segment = self._seat(speech, speech.begun, attempt=0)
        if segment is not None:
            speech.begun += 1
            speech.segments.append(segment)

    def _seat(self, speech: Speech, index: int, attempt: int) -> Segment | None:
        """Give a segment a place in the language model; None if that ended the speech."""
        try:
            segment = self._opener.open(speech, index, attempt)
            self._decoder.join(segment.utterance)
        except (PromptError, CacheFullError) as error:
            self._end(speech, error)
            return None
        self._owners[segment.utterance] = (speech, segment)
        return segment

    def _unseat(self, segment: Segment) -> None:
        self._decoder.leave(segment.utterance)
        self._owners.pop(segment.utterance, None)
        segment.forget()

    def _dismiss(self, speech: Speech) -> None:
        """Forget a speech, wherever it is."""
        for segment in speech.segments:
            self._unseat(segment)
        speech.segments.clear()
        for group in (self._waiting, self._running):
            if speech in group:
                group.remove(speech)

    def _end(self, speech: Speech, error: Exception | None = None) -> None:
        self._dismiss(speech)
        if error is None:
            self.pace.note_speech(time.monotonic() - speech.begun_s)
            self.stats.finished += 1
        else:
            speech.log.warning("speech breaks off: {}", error)
            self.stats.failed += 1
        speech.request.listener.end(error)

    # -- tokens ----------------------------------------------------------------------------

    def _think(self) -> bool:
        """One step of the language model; False if it had nobody to think for."""
        started_s = time.monotonic()
        result = self._decoder.step()
        for utterance, token in result.speech:
            self._take(*self._owners[utterance], token)
        for utterance in result.finished:
            if utterance in self._owners:
                self._finish_thinking(*self._owners.pop(utterance))
        for utterance, error in result.failed:
            if utterance in self._owners:
                self._end(self._owners[utterance][0], error)
        if result.speech:
            self.pace.note_thinking(time.monotonic() - started_s)
            self.stats.llm_steps += 1
            self.stats.llm_rows += len(result.speech)
        return bool(result.fed or result.finished or result.failed)

    def _take(self, speech: Speech, segment: Segment, token: int) -> None:
        if self._limits.guards:
            try:
                segment.token_guard.check(token)
            except BrokenSpeechError as error:
                self._recover(speech, segment, error)
                return
        segment.take(token)

    def _finish_thinking(self, speech: Speech, segment: Segment) -> None:
        segment.thought = True
        if self._limits.guards and _ran_away(segment.utterance):
            error = BrokenSpeechError("the language model does not come to an end")
            self._recover(speech, segment, error)
        elif not segment.tokens:
            speech.segments.remove(segment)
            self._unseat(segment)
            if speech.is_over:
                self._end(speech)

    def _recover(self, speech: Speech, segment: Segment, error: BrokenSpeechError) -> None:
        """Begin ``segment`` again if nobody has heard of it and it is its first mishap."""
        self._unseat(segment)
        if segment.emitted or segment.attempt + 1 == _MOST_ATTEMPTS:
            self._end(speech, error)
            return
        speech.log.warning("segment {} is begun again: {}", segment.index, error)
        self.stats.retried += 1
        again = self._seat(speech, segment.index, segment.attempt + 1)
        if again is not None:
            speech.segments[speech.segments.index(segment)] = again

    # -- sound -----------------------------------------------------------------------------

    def _dry(self) -> list[Speech]:
        """Who has not heard anything yet."""
        return [speech for speech in self._running if speech.is_dry]

    def _due(self, speeches: Sequence[Speech]) -> list[SegmentChunk]:
        return due_chunks(speeches, self.pace, self._limits)

    def _speak(self, chunks: Sequence[SegmentChunk]) -> None:
        """Make ``chunks`` in one pass, and let their listeners hear."""
        owners = {speech.segments[0]: speech for speech in self._running if speech.segments}
        started_s = time.monotonic()
        rows = self._renderer.render(chunks)
        self.pace.note_speaking(
            time.monotonic() - started_s, sum(chunk.count for chunk in chunks) or 1
        )
        self.stats.passes += 1
        self.stats.pass_rows += len(chunks)
        for chunk, samples in zip(chunks, rows, strict=True):
            speech = owners[chunk.segment]
            if self._limits.guards:
                try:
                    chunk.segment.audio_guard.check(samples)
                except BrokenSpeechError as error:
                    self._recover(speech, chunk.segment, error)
                    continue
            self._deliver(speech, chunk, samples)

    def _deliver(self, speech: Speech, chunk: SegmentChunk, samples: NDArray[np.float32]) -> None:
        if len(samples):
            self.stats.note_audio(speech, len(samples))
            chunk.segment.emitted = True
            speech.request.listener.hear(samples)
        if chunk.is_last:
            self._unseat(speech.segments.popleft())
            if speech.is_over:
                self._end(speech)


def _streamed(utterance: Utterance) -> StreamedUtterance:
    if not isinstance(utterance, StreamedUtterance):
        raise TypeError("text was fed to a speech whose text is known")
    return utterance


def _ran_away(utterance: Utterance) -> bool:
    """Whether it was stopped by its longest length: far more than its text takes to say."""
    return isinstance(utterance, TextUtterance) and len(utterance.tokens) == utterance.max_tokens
