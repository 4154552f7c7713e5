"""One segment of a speech on its way: from the language model's tokens to sound."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from engines.cosyvoice.config import CHUNK_TOKENS, LOOKAHEAD_TOKENS, TOKEN_MEL_RATIO
from engines.cosyvoice.flow import FlowStream, Prompt
from engines.cosyvoice.llm import SilentRunFilter, Utterance
from engines.cosyvoice.scheduling.guards import AudioGuard, TokenGuard
from engines.cosyvoice.stretch import MelStretch
from engines.cosyvoice.vocoder import VocoderStream

_FEWEST_NEW_TOKENS = 10
"""A first chunk with fewer is not worth its pass; the vocoder needs 8 mel frames at least."""


@dataclass(slots=True, eq=False)
class Segment:
    """The state of one segment between the scheduler's turns.

    Attributes:
        index: its number in the speech.
        attempt: how often it has been begun before.
        utterance: its part in the language model.
        prompt: the voice, for the flow.
        streamed: whether it is heard chunk by chunk; otherwise it is solved whole.
        flow: its stream in the flow. None for a segment that is solved whole, and for one that
            found no room: its past is computed anew with each chunk.
        vocoder: its stream in the vocoder.
        stretch: its speed.
        silence: drops tokens from long silences.
        token_guard: watches what the language model says.
        audio_guard: watches what is heard.
        thought: whether the language model is done with it.
        emitted: whether any of it has been heard.
        tokens: all speech tokens so far.
        used: how many of them the flow has been given.
        frames: mel frames made so far, before stretching.
    """

    index: int
    attempt: int
    utterance: Utterance
    prompt: Prompt
    streamed: bool
    flow: FlowStream | None
    vocoder: VocoderStream
    stretch: MelStretch
    silence: SilentRunFilter
    token_guard: TokenGuard
    audio_guard: AudioGuard
    thought: bool = False
    emitted: bool = False
    tokens: list[int] = field(default_factory=list)
    used: int = 0
    frames: int = 0

    @property
    def waiting_tokens(self) -> int:
        """Tokens that the flow has not been given."""
        return len(self.tokens) - self.used

    def take(self, token: int) -> None:
        """Take a speech token from the language model."""
        if self.silence.passes(token):
            self.tokens.append(token)

    def next_chunk(self, hop: int) -> "SegmentChunk | None":
        """What the flow can make next if it goes on by ``hop`` tokens; None while it has to wait.

        The last chunk takes all that is left, if that is not much more than a hop.
        """
        if not self.streamed:
            return SegmentChunk(self, len(self.tokens), is_last=True) if self.thought else None
        wanted = self._tokens_wanted(hop)
        if self.thought and self.waiting_tokens <= wanted + CHUNK_TOKENS:
            return SegmentChunk(self, self.waiting_tokens, is_last=True)
        if self.waiting_tokens >= wanted:
            return SegmentChunk(self, wanted, is_last=False)
        return None

    def forget(self) -> None:
        """Free the flow's memory; what comes after is computed without it."""
        if self.flow is not None:
            self.flow.close()
            self.flow = None

    def _tokens_wanted(self, hop: int) -> int:
        """New tokens until the chunk's end, which lies 3 after a multiple of 25.

        Counted from the prompt's start; the 3 are look-ahead.
        """
        prompt = len(self.prompt.tokens)
        given = prompt + self.used
        solved = max(given - LOOKAHEAD_TOKENS, 0) // CHUNK_TOKENS * CHUNK_TOKENS
        stop = solved + hop
        while stop < prompt + _FEWEST_NEW_TOKENS:
            stop += CHUNK_TOKENS
        return stop + LOOKAHEAD_TOKENS - given


@dataclass(frozen=True, slots=True, eq=False)
class SegmentChunk:
    """The next ``count`` tokens of a segment."""

    segment: Segment
    count: int
    is_last: bool

    @property
    def frames_to_solve(self) -> int:
        """Mel frames that the flow has to compute for it."""
        tokens = self.count
        if self.segment.flow is None:
            tokens += len(self.segment.prompt.tokens) + self.segment.used
        return TOKEN_MEL_RATIO * tokens

    def fresh_tokens(self) -> Tensor:
        """The new tokens, int64 [count]."""
        start = self.segment.used
        return torch.tensor(self.segment.tokens[start : start + self.count], dtype=torch.int64)

    def all_tokens(self) -> Tensor:
        """All tokens up to the chunk's end, int64 [n]."""
        stop = self.segment.used + self.count
        return torch.tensor(self.segment.tokens[:stop], dtype=torch.int64)
