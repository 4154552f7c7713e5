"""The scheduler's thread."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue

import torch

from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.scheduler import Scheduler
from engines.cosyvoice.scheduling.speech import Speech
from engines.errors import EngineFailureError

Command = Callable[[], object]


class Worker:
    """Runs a scheduler on a thread of its own; may be called from any thread.

    Args:
        load: makes the scheduler, on the worker's thread: torch keeps its number of threads per
            thread.
        threads: of torch, on the CPU; None leaves torch's own choice.

    Raises:
        Whatever ``load`` raises.
    """

    def __init__(self, load: Callable[[], Scheduler], threads: int | None) -> None:
        self._inbox: SimpleQueue[Command] = SimpleQueue()
        self._closing = False
        loaded: Future[Scheduler] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(load, threads, loaded), name="cosyvoice", daemon=True
        )
        self._thread.start()
        self.scheduler = loaded.result()

    @property
    def is_alive(self) -> bool:
        """Whether requests are worked on."""
        return self._thread.is_alive() and not self._closing

    def submit(self, request: SpeechRequest) -> Speech:
        """Have ``request`` spoken.

        Raises:
            EngineFailureError: the worker has ended.
            EngineBusyError: it could not be heard in time, or would starve others.
        """
        if not self.is_alive:
            raise EngineFailureError("the engine has stopped")
        if refusal := self.scheduler.refusal(request):
            raise refusal
        speech = Speech(request, time.monotonic())
        self._inbox.put(partial(self.scheduler.enter, speech))
        return speech

    def feed(self, speech: Speech, ids: Sequence[int], *, ended: bool) -> None:
        """Add text to a speech whose text is open."""
        self._inbox.put(partial(self.scheduler.feed, speech, ids, ended=ended))

    def forget(self, voice: VoicePrompt) -> None:
        """Free what is remembered of a voice."""
        self._inbox.put(partial(self.scheduler.forget, voice))

    def cancel(self, speech: Speech) -> None:
        """Stop a speech; nothing happens if it is over."""
        speech.cancelled = True
        self._inbox.put(_wake)

    def close(self) -> None:
        """End the thread after its present turn; speeches under way end with an error."""
        self._closing = True
        self._inbox.put(_wake)
        self._thread.join()

    def _run(
        self, load: Callable[[], Scheduler], threads: int | None, loaded: "Future[Scheduler]"
    ) -> None:
        try:
            if threads is not None:
                torch.set_num_threads(threads)
            scheduler = load()
        except (RuntimeError, ValueError, OSError) as error:
            loaded.set_exception(error)
            return
        loaded.set_result(scheduler)
        try:
            self._work(scheduler)
        finally:
            self._closing = True
            self._take_commands(wait=False)
            scheduler.abandon(EngineFailureError("the engine has stopped"))

    def _work(self, scheduler: Scheduler) -> None:
        while not self._closing:
            self._take_commands(wait=scheduler.is_idle)
            if not scheduler.step() and not scheduler.is_idle:
                self._take_commands(wait=True)  # all who are here wait for text

    def _take_commands(self, *, wait: bool) -> None:
        try:
            command = self._inbox.get(block=wait)
            while True:
                command()
                command = self._inbox.get_nowait()
        except Empty:
            return


def _wake() -> None:
    """Only ends the wait for a command."""
