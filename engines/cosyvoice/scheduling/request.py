"""What the engine asks of the scheduler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.cosyvoice.llm import LlmPrompt
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.protocol import Priority


class Listener(Protocol):
    """Who hears a request. Called on the scheduler's thread."""

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, mono [n], 24 kHz."""
        ...

    def end(self, error: Exception | None) -> None:
        """The speech is over: whole, or broken off by ``error``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SpeechRequest:
    """One speech.

    Attributes:
        prompts: ids for the language model, one entry for each segment of the text, in order.
        voice: who speaks.
        listener: who hears it.
        streamed: deliver chunks as they are made; otherwise each segment whole, solved at once.
        speed: 2.0 is twice as fast.
        seed: of all random draws.
        priority: who goes first.
        text_is_open: more text follows through ``Scheduler.feed``; ``prompts`` then has one entry,
            whose ``text`` is empty.
        request_id: for the log.
    """

    prompts: Sequence[LlmPrompt]
    voice: VoicePrompt
    listener: Listener
    streamed: bool = True
    speed: float = 1.0
    seed: int = 0
    priority: Priority = Priority.INTERACTIVE
    text_is_open: bool = False
    request_id: str = "-"
