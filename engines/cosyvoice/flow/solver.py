"""The solver: tokens to a mean, noise to mel in Euler steps with classifier-free guidance."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import MEL_BINS, FlowConfig
from engines.cosyvoice.flow.batch import Batch, Stretch
from engines.cosyvoice.flow.cache import FlowCache
from engines.cosyvoice.flow.estimator import load_estimator
from engines.cosyvoice.flow.front import load_front
from engines.cosyvoice.flow.groups import Style
from engines.cosyvoice.flow.lookahead import TokenWindow
from engines.cosyvoice.flow.memory import NoMemory
from engines.cosyvoice.flow.time_grid import TimeGrid
from engines.cosyvoice.flow.unguided import UnguidedStart
from engines.cosyvoice.flow.weights import Weights


class Solver:
    """The networks of a flow and the fixed points of its solves; it holds no stream's state.

    Args:
        weights: all weights of the flow but the speaker's projection.
        config: sizes and solver constants.
        shared_blocks: for how many blocks to set aside what all streams share.
        merged: see ``Style``.
        compact: see ``TransformerBlock``.
    """

    def __init__(
        self,
        weights: Weights,
        config: FlowConfig,
        shared_blocks: int,
        *,
        merged: bool,
        compact: bool,
    ) -> None:
        self._device = weights.device
        self._merged = merged
        self._guidance = config.cfg_rate
        self.grid = TimeGrid.cosine(config.ode_steps)
        self.front = load_front(weights, config)
        self.estimator = load_estimator(
            weights.scope("decoder.estimator"), config, self.grid, compact=compact
        )
        self.noise = _noise(config).to(self._device)
        nothing = self.noise.new_zeros(1, MEL_BINS)
        self._blank = self.estimator.condition(nothing, nothing, nothing)
        self._unguided_start = UnguidedStart(
            self.estimator, self._blank, self.noise, weights.dtype, shared_blocks, merged=merged
        )

    @property
    def shared_bytes(self) -> int:
        """Memory that all streams have in common."""
        return self._unguided_start.num_bytes

    def solve(self, stretches: Sequence[Stretch], *, chunked: bool) -> list[Tensor]:
        """Solve whole sequences (all start at 0), keeping nothing.

        Returns:
            For each stretch its mel [frames, 80], float32.
        """
        return self._solve(stretches, None, chunked=chunked)

    def advance(self, stretches: Sequence[Stretch], cache: FlowCache) -> list[Tensor]:
        """Continue sequences with chunk masks from what ``cache`` holds, and keep what is filled.

        Returns:
            For each stretch its mel [frames, 80], float32.
        """
        return self._solve(stretches, cache, chunked=True)

    def _solve(
        self, stretches: Sequence[Stretch], cache: FlowCache | None, *, chunked: bool
    ) -> list[Tensor]:
        if not stretches:
            return []
        # attention takes neighbours of equal shape together
        order = sorted(
            range(len(stretches)), key=lambda n: (stretches[n].frames, stretches[n].start)
        )
        ordered = [stretches[n] for n in order]
        style = Style(chunked=chunked, merged=self._merged, device=self._device)
        batch = Batch(ordered, 0 if cache is None else cache.branch_blocks, style)
        mel = self._integrate(batch, cache)
        parts = torch.split_with_sizes(mel, [stretch.frames for stretch in ordered])
        mels = dict(zip(order, parts, strict=True))
        return [mels[n] for n in range(len(stretches))]

    def _integrate(self, batch: Batch, cache: FlowCache | None) -> Tensor:
        """Packed mel [sum of frames, 80]."""
        condition = self._condition(batch, self.mean(batch, cache))
        guided_condition = self._guided_condition(batch, condition)
        x = torch.cat([self.noise[s.first_frame :][: s.frames] for s in batch.stretches])
        for step, duration in enumerate(self.grid.durations):
            if cache is not None and step == 0:
                given = self.estimator(x, condition, 0, batch.frames, cache.step(0))
                free = self._unguided_start.velocities(batch.stretches)
            else:
                memory = NoMemory() if cache is None else cache.step(step)
                rows = x.index_select(0, batch.guided_frames)
                both = self.estimator(rows, guided_condition, step, batch.guided, memory)
                given = both.index_select(0, batch.conditional)
                free = both.index_select(0, batch.unconditional)
            x = x + duration * ((1.0 + self._guidance) * given - self._guidance * free)
        return x

    def mean(self, batch: Batch, cache: FlowCache | None) -> Tensor:
        """The front's packed output, mu [sum of frames, 80], float32."""
        windows = [TokenWindow.cut(s.tokens, s.start, s.stop) for s in batch.stretches]
        memory = NoMemory() if cache is None else cache.front()
        return self.front(windows, batch.tokens, batch.frames, memory)

    def _condition(self, batch: Batch, mu: Tensor) -> Tensor:
        """The conditional branch's conditions, packed."""
        speakers = [s.prompt.speaker.expand(s.frames, -1) for s in batch.stretches]
        prompts = [_known_mel(stretch) for stretch in batch.stretches]
        return self.estimator.condition(mu, torch.cat(speakers), torch.cat(prompts))

    def _guided_condition(self, batch: Batch, condition: Tensor) -> Tensor:
        """The conditions of both branches, in the order of the guided packing."""
        both = self._blank.repeat(batch.guided.rows, 1)
        return both.index_copy_(0, batch.conditional, condition)


def _known_mel(stretch: Stretch) -> Tensor:
    """The prompt's mel where the stretch lies in the prompt, zeros after it."""
    known = stretch.prompt.mel[stretch.first_frame :][: stretch.frames]
    return functional.pad(known, (0, 0, 0, stretch.frames - len(known)))


def _noise(config: FlowConfig) -> Tensor:
    """Where all solves start [frames, 80]: as upstream, from a fixed seed on the CPU."""
    generator = torch.Generator().manual_seed(config.noise_seed)
    drawn = torch.randn(1, MEL_BINS, config.noise_frames, generator=generator)
    return drawn[0].t().contiguous()
