"""What CosyVoice 3's vocoder carries from chunk to chunk of one request."""

from dataclasses import dataclass

from torch import Tensor

from engines.cosyvoice.hift.noise import SourceNoise


class StreamEndedError(RuntimeError):
    """A chunk came after the last one."""


@dataclass(slots=True, eq=False)
class CausalStream:
    """The state of one request; a third of a megabyte at the released size, however long it runs.

    The vocoder alone reads and writes it.
    """

    noise: SourceNoise
    f0_history: Tensor
    history: Tensor
    turns: Tensor
    mel: Tensor
    """Frames that are not decoded yet, [80, t]."""
    source: Tensor
    """Samples from shortly before the next frame to decode."""
    blocks: Tensor
    """Unfinished blocks of the inverse transform, [overlap, hop]."""
    held: Tensor
    """Finished samples that are not emitted yet."""
    frames: int = 0
    f0_frames: int = 0
    decoded_frames: int = 0
    emitted_samples: int = 0
    ended: bool = False

    @property
    def num_bytes(self) -> int:
        """Memory that the stream holds between chunks."""
        kept = (
            self.f0_history,
            self.history,
            self.turns,
            self.mel,
            self.source,
            self.blocks,
            self.held,
        )
        return sum(tensor.numel() * tensor.element_size() for tensor in kept)
