"""A voice whose prompt is remembered."""

from engines.cosyvoice.config import CHUNK_TOKENS, LOOKAHEAD_TOKENS
from engines.cosyvoice.flow.pool import BlockPool
from engines.cosyvoice.flow.prompt import Prompt


class FlowVoice:
    """A prompt and what streams remember of it; make one with ``Flow.voice``.

    The blocks that lie whole in the prompt less its last 3 tokens are the same for any text. They
    exist once, however many streams use them, and are freed when the voice and the last of its
    streams are closed.
    """

    def __init__(
        self, prompt: Prompt, blocks: tuple[int, ...], pool: BlockPool, block_bytes: int
    ) -> None:
        self.prompt = prompt
        self.blocks = blocks
        self.block_bytes = block_bytes
        self.closed = False
        self._pool = pool

    @property
    def num_bytes(self) -> int:
        """Memory that the voice holds."""
        return len(self.blocks) * self.block_bytes + self.prompt.num_bytes

    def stream_blocks(self, tokens: int) -> int:
        """Blocks that a stream of ``tokens`` tokens needs beside the voice's own."""
        return max(0, whole_blocks(len(self.prompt.tokens) + tokens) - len(self.blocks))

    def close(self) -> None:
        """Give up the voice; streams that use it go on."""
        if not self.closed:
            self.closed = True
            self._pool.release(self.blocks)


def whole_blocks(tokens: int) -> int:
    """Blocks that ``tokens`` tokens fill when the last 3 are look-ahead."""
    return max(0, tokens - LOOKAHEAD_TOKENS) // CHUNK_TOKENS
