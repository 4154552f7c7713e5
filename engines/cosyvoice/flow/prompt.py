"""What the flow knows of a voice before any text: the prompt and the speaker."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A checked prompt; make one with ``Flow.prompt``.

    Attributes:
        tokens: speech tokens [P], int64 on the CPU; P may be 0.
        mel: log-mel of the same audio [2 * P, 80], float32 on the flow's device.
        speaker: the speaker vector, normalised and projected [80], float32 on the flow's device.
    """

    tokens: Tensor
    mel: Tensor
    speaker: Tensor

    @property
    def num_bytes(self) -> int:
        """Memory that the prompt holds."""
        return sum(tensor.nbytes for tensor in (self.tokens, self.mel, self.speaker))
