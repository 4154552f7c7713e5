"""A stream: one sequence in the making, and its next tokens."""

from collections import deque
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from engines.cosyvoice.config import CHUNK_TOKENS, LOOKAHEAD_TOKENS, TOKEN_MEL_RATIO
from engines.cosyvoice.flow.errors import ChunkBoundaryError, ClosedError
from engines.cosyvoice.flow.pool import BlockPool
from engines.cosyvoice.flow.voice import FlowVoice


class Final(Enum):
    """How the last chunk of a stream is made."""

    FULL = "full"
    """As upstream does: the whole sequence once more, without chunk masks, of which the new part
    is emitted. It fits what was heard before less well, and costs as much as an offline solve."""
    CAUSAL = "causal"
    """With chunk masks, as all chunks before it."""


class FlowStream:
    """One sequence in the making; make one with ``Flow.open``, and close it.

    Attributes:
        voice: who speaks.
        tokens: prompt and tokens so far, int64 on the CPU.
        blocks: cache blocks that hold what is solved, the voice's first.
    """

    def __init__(self, voice: FlowVoice, pool: BlockPool, reserve: int) -> None:
        self.voice = voice
        self.tokens = voice.prompt.tokens
        self.blocks = voice.blocks
        self.closed = False
        self._pool = pool
        self._spare = deque(pool.acquire(reserve))
        pool.share(voice.blocks)

    @property
    def num_bytes(self) -> int:
        """Memory that the stream holds, reserved blocks included, the voice's excluded."""
        if self.closed:
            return 0
        own = len(self.blocks) - len(self.voice.blocks) + len(self._spare)
        return own * self.voice.block_bytes

    @property
    def solved_tokens(self) -> int:
        """Tokens, prompt included, whose mel is made and remembered."""
        return len(self.blocks) * CHUNK_TOKENS

    @property
    def spare_blocks(self) -> int:
        """Reserved blocks that are still free."""
        return len(self._spare)

    @property
    def next_frame(self) -> int:
        """The first mel frame, prompt included, that has not been emitted."""
        return max(self.solved_tokens, len(self.voice.prompt.tokens)) * TOKEN_MEL_RATIO

    def tokens_needed(self, hop_tokens: int = CHUNK_TOKENS) -> int:
        """New tokens that the next chunk takes to go on by ``hop_tokens``, look-ahead included.

        As upstream does, the first chunk also fills up the prompt to a multiple of the hop
        (model.py, tts).

        Raises:
            ValueError: the hop is not a positive multiple of 25.
        """
        if hop_tokens <= 0 or hop_tokens % CHUNK_TOKENS:
            raise ValueError(f"a hop is a multiple of {CHUNK_TOKENS} tokens, not {hop_tokens}")
        reached, prompt = self.solved_tokens, len(self.voice.prompt.tokens)
        if reached <= prompt:
            reached = -(-prompt // hop_tokens) * hop_tokens
        return reached + hop_tokens + LOOKAHEAD_TOKENS - len(self.tokens)

    def with_chunk(self, tokens: Tensor, *, last: bool) -> Tensor:
        """The sequence with one more chunk; changes nothing.

        Raises:
            ClosedError: the stream has ended.
            ChunkBoundaryError: the chunk is not the last and ends at a wrong place.
        """
        if self.closed:
            raise ClosedError("stream")
        sequence = torch.cat([self.tokens, tokens])
        if not last:
            stop = len(sequence) - LOOKAHEAD_TOKENS
            if stop <= self.solved_tokens or stop % CHUNK_TOKENS:
                after = max(stop, self.solved_tokens) // CHUNK_TOKENS + 1
                raise ChunkBoundaryError(len(sequence), after * CHUNK_TOKENS + LOOKAHEAD_TOKENS)
        return sequence

    def new_blocks(self, count: int) -> tuple[int, ...]:
        """The stream's next ``count`` blocks, the reserved ones first.

        Raises:
            CacheFullError: the reserve is used up and too few blocks are free.
        """
        missing = count - len(self._spare)
        if missing > 0:
            self._spare.extend(self._pool.acquire(missing))
        return tuple(self._spare)[:count]

    def commit(self, sequence: Tensor, blocks: tuple[int, ...]) -> None:
        """Remember what was solved: the sequence so far, and the new blocks that hold it."""
        self.tokens = sequence
        self.blocks += blocks
        for _ in blocks:
            self._spare.popleft()

    def close(self) -> None:
        """Free the stream's memory; the voice's stays."""
        if not self.closed:
            self.closed = True
            self._pool.release([*self.blocks, *self._spare])
            self._spare.clear()


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """The next tokens of a stream.

    Attributes:
        stream: the stream.
        tokens: new tokens, any integer dtype, on the CPU [n].
        final: how to end the stream with this chunk, or None.
    """

    stream: FlowStream
    tokens: Tensor
    final: Final | None = None
