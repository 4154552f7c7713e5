"""Beginning a segment in all three models."""

import numpy as np

from engines.cosyvoice.config import LlmConfig
from engines.cosyvoice.llm import (
    LlmPrompt,
    SilentRunFilter,
    StreamedUtterance,
    TextUtterance,
    Utterance,
)
from engines.cosyvoice.scheduling.guards import AudioGuard, TokenGuard
from engines.cosyvoice.scheduling.segment import Segment
from engines.cosyvoice.scheduling.shelf import VoiceShelf
from engines.cosyvoice.scheduling.speech import Speech
from engines.cosyvoice.stretch import MelStretch
from engines.cosyvoice.vocoder import Vocoder

_USUAL_TOKENS_PER_ID = 8
"""Speech tokens for each text id, on the high side: memory is reserved for so many."""
_USUAL_TOKENS_OF_STREAMED_TEXT = 250


class SegmentOpener:
    """Makes segments; the same seed makes the same segment in any company."""

    def __init__(self, config: LlmConfig, shelf: VoiceShelf, vocoder: Vocoder) -> None:
        self._config = config
        self._shelf = shelf
        self._vocoder = vocoder

    def open(self, speech: Speech, index: int, attempt: int) -> Segment:
        """Begin segment number ``index`` of ``speech``, for the ``attempt``-th time.

        Raises:
            PromptError: the ids cannot be fed to this model.
        """
        request = speech.request
        seed = _derived(request.seed, index, attempt)
        utterance, reserve = self._utterance(speech, request.prompts[index], seed)
        streamed = request.streamed
        return Segment(
            index=index,
            attempt=attempt,
            utterance=utterance,
            prompt=self._shelf.prompt(request.voice, streamed=streamed),
            streamed=streamed,
            flow=self._shelf.open(request.voice, reserve) if streamed else None,
            vocoder=self._vocoder.open(self._vocoder.noise(seed)),
            stretch=MelStretch(request.speed),
            silence=SilentRunFilter.for_model(self._config),
            token_guard=TokenGuard(),
            audio_guard=AudioGuard(),
        )

    def _utterance(self, speech: Speech, prompt: LlmPrompt, seed: int) -> tuple[Utterance, int]:
        """The utterance, and how many tokens to reserve memory for."""
        if not speech.request.text_is_open:
            utterance = TextUtterance(self._config, prompt, seed=seed)
            usual = _USUAL_TOKENS_PER_ID * len(prompt.text)
            return utterance, min(usual, utterance.max_tokens)
        streamed = StreamedUtterance(
            self._config,
            prompt_text=prompt.prompt_text,
            prompt_speech=prompt.prompt_speech,
            seed=seed,
        )
        streamed.feed(speech.fed)
        if speech.text_has_ended:
            streamed.end()
        return streamed, _USUAL_TOKENS_OF_STREAMED_TEXT


def _derived(seed: int, index: int, attempt: int) -> int:
    """A seed for one attempt at one segment, unrelated to all others."""
    return int(np.random.SeedSequence([seed, index, attempt]).generate_state(1)[0])
