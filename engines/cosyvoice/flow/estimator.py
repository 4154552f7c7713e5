"""What the solver asks of a velocity estimator, and which one a configuration names."""

from typing import Protocol

from torch import Tensor

from engines.cosyvoice.config import DitConfig, FlowConfig
from engines.cosyvoice.flow.dit import Dit
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory, StateShape
from engines.cosyvoice.flow.time_grid import TimeGrid
from engines.cosyvoice.flow.unet import UNet
from engines.cosyvoice.flow.weights import Weights


class Estimator(Protocol):
    """Estimates dx/dt at the solver's fixed times."""

    @property
    def state(self) -> StateShape:
        """What one pass leaves in a block of 50 frames."""
        ...

    def condition(self, mu: Tensor, speaker: Tensor, prompt: Tensor) -> Tensor:
        """What a solve's conditions come to, once for all its steps.

        Args:
            mu: the front's mean [rows, 80], float32.
            speaker: the projected speaker [rows, 80], float32.
            prompt: the known mel, zero where there is none [rows, 80], float32.

        Returns:
            [rows, width], for ``__call__``.
        """
        ...

    def __call__(
        self, x: Tensor, condition: Tensor, step: int, layout: Layout, memory: Memory
    ) -> Tensor:
        """Velocity at ``x``.

        Args:
            x: the state [rows, 80], float32.
            condition: from ``condition`` [rows, width].
            step: number of the solver step, which fixes the time.
            layout: how the rows are packed.
            memory: what came before, at this step.

        Returns:
            [rows, 80], float32.
        """
        ...


def load_estimator(
    weights: Weights, config: FlowConfig, grid: TimeGrid, *, compact: bool
) -> Estimator:
    """The estimator that the configuration names.

    Raises:
        ValueError: ``compact`` is wanted of a DiT, whose keys and values are hardly wider than
            what they are made of.
    """
    if isinstance(config.estimator, DitConfig):
        if compact:
            raise ValueError("only CosyVoice 2's estimator has a compact memory")
        return Dit.load(weights, config.estimator, grid, config.noise_frames)
    return UNet.load(weights, config.estimator, grid, compact=compact)
