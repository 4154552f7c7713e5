"""A chunk that was checked: what it makes of its stream's sequence, and what there is to solve."""

from dataclasses import dataclass

from torch import Tensor

from engines.cosyvoice.config import (
    CHUNK_TOKENS,
    LOOKAHEAD_TOKENS,
    MEL_BINS,
    TOKEN_MEL_RATIO,
    FlowConfig,
)
from engines.cosyvoice.flow.batch import Stretch
from engines.cosyvoice.flow.inputs import check_length, checked_tokens
from engines.cosyvoice.flow.stream import Chunk, Final, FlowStream


@dataclass(frozen=True, slots=True, eq=False)
class PlannedChunk:
    """One stream's part in a call of ``Flow.advance``.

    Attributes:
        stream: the stream.
        sequence: prompt and all tokens, this chunk's included.
        stop: up to which token, prompt included, the chunk goes.
        final: how the stream ends with it, or None.
    """

    stream: FlowStream
    sequence: Tensor
    stop: int
    final: Final | None

    @classmethod
    def check(cls, chunk: Chunk, config: FlowConfig) -> "PlannedChunk":
        """Check a chunk; changes nothing.

        Raises:
            InvalidInputError, ClosedError, ChunkBoundaryError, SequenceTooLongError: it is wrong.
        """
        last = chunk.final is not None
        tokens = checked_tokens(chunk.tokens, config.vocab)
        sequence = chunk.stream.with_chunk(tokens, last=last)
        stop = len(sequence) if last else len(sequence) - LOOKAHEAD_TOKENS
        check_length(stop, config.noise_frames)
        return cls(chunk.stream, sequence, stop, chunk.final)

    @property
    def is_empty(self) -> bool:
        """Whether the chunk adds no frame: a stream that ends without a token."""
        return self.final is not None and self.stop * TOKEN_MEL_RATIO <= self.stream.next_frame

    @property
    def new_blocks(self) -> int:
        """Blocks that the chunk fills and keeps."""
        return 0 if self.final else self.stop // CHUNK_TOKENS - len(self.stream.blocks)

    @property
    def missing_blocks(self) -> int:
        """Blocks that it needs beyond the stream's reserve."""
        return max(0, self.new_blocks - self.stream.spare_blocks)

    def stretch(self) -> Stretch:
        """What to solve: what is new, or all of it for ``Final.FULL``."""
        prompt = self.stream.voice.prompt
        if self.final is Final.FULL:
            return Stretch(prompt, self.sequence, 0, self.stop)
        filled = self.stream.new_blocks(self.new_blocks)
        start = self.stream.solved_tokens
        return Stretch(prompt, self.sequence, start, self.stop, self.stream.blocks, filled)

    def finish(self, stretch: Stretch, mel: Tensor) -> Tensor:
        """Bring the stream up to date and cut out what is new [80, frames]."""
        fresh = mel[self.stream.next_frame - stretch.first_frame :]
        self.stream.commit(self.sequence, stretch.filled)
        if self.final:
            self.stream.close()
        return fresh.t().contiguous()

    def finish_empty(self) -> Tensor:
        """Close a stream that has nothing more to say: mel [80, 0]."""
        self.stream.close()
        return self.stream.voice.prompt.mel.new_empty(MEL_BINS, 0)
