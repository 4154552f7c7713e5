"""The solver: tokens to a mean, noise to mel in Euler steps with classifier-free guidance."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import MEL_BINS, FlowConfig
from engines.cosyvoice.flow.batch import (
    Guided,
    Stretch,
    frame_layout,
    guided_layout,
    token_layout,
)
from engines.cosyvoice.flow.cache import FlowCache
from engines.cosyvoice.flow.estimator import load_estimator
from engines.cosyvoice.flow.front import load_front
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
    """

    def __init__(self, weights: Weights, config: FlowConfig) -> None:
        self._device = weights.device
        self._guidance = config.cfg_rate
        self.grid = TimeGrid.cosine(config.ode_steps)
        self.front = load_front(weights, config)
        self.estimator = load_estimator(weights.scope("decoder.estimator"), config, self.grid)
        self.noise = _noise(config).to(self._device)
        self.unguided_start = UnguidedStart(self.estimator, self.noise, weights.dtype)

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
        """Neighbours of equal shape share attention calls, so similar stretches go together."""
        if not stretches:
            return []
        order = sorted(
            range(len(stretches)), key=lambda n: (stretches[n].frames, stretches[n].start)
        )
        ordered = [stretches[n] for n in order]
        mel = self._integrate(ordered, cache, chunked=chunked)
        parts = torch.split_with_sizes(mel, [stretch.frames for stretch in ordered])
        return [
            part for _, part in sorted(zip(order, parts, strict=True), key=lambda pair: pair[0])
        ]

    def _integrate(
        self, stretches: Sequence[Stretch], cache: FlowCache | None, *, chunked: bool
    ) -> Tensor:
        """Packed mel [sum of frames, 80]."""
        blocks = cache.branch_blocks if cache else 0
        guided = guided_layout(stretches, blocks, chunked=chunked, device=self._device)
        mu = self.mean(stretches, cache, chunked=chunked)
        condition = self._condition(stretches, mu)
        both = self._both(condition, guided)
        x = torch.cat([self.noise[s.first_frame :][: s.frames] for s in stretches])
        for step, duration in enumerate(self.grid.durations):
            if cache and step == 0:
                given, free = self._first(x, condition, stretches, cache)
            else:
                memory = cache.step(step) if cache else NoMemory()
                rows = x.index_select(0, guided.frames)
                velocity = self.estimator(rows, both, step, guided.layout, memory)
                given = velocity.index_select(0, guided.conditional)
                free = velocity.index_select(0, guided.unconditional)
            x = x + duration * ((1.0 + self._guidance) * given - self._guidance * free)
        return x

    def _first(
        self, x: Tensor, condition: Tensor, stretches: Sequence[Stretch], cache: FlowCache
    ) -> tuple[Tensor, Tensor]:
        """Both branches' velocities at the first step; only one of them needs computing."""
        layout = frame_layout(stretches, chunked=True, device=self._device)
        given = self.estimator(x, condition, 0, layout, cache.step(0))
        return given, self.unguided_start.velocities(stretches)

    def mean(
        self, stretches: Sequence[Stretch], cache: FlowCache | None, *, chunked: bool
    ) -> Tensor:
        """The front's packed output, mu [sum of frames, 80], float32."""
        return self.front(
            [TokenWindow.cut(s.tokens, s.start, s.stop) for s in stretches],
            token_layout(stretches, chunked=chunked, device=self._device),
            frame_layout(stretches, chunked=chunked, device=self._device),
            cache.front() if cache else NoMemory(),
        )

    def _condition(self, stretches: Sequence[Stretch], mu: Tensor) -> Tensor:
        """The conditional branch's conditions, packed."""
        speakers = [s.prompt.speaker.expand(s.frames, -1) for s in stretches]
        prompts = [_known_mel(stretch) for stretch in stretches]
        return self.estimator.condition(mu, torch.cat(speakers), torch.cat(prompts))

    def _both(self, condition: Tensor, guided: Guided) -> Tensor:
        """The conditions of both branches, in the order of the guided packing."""
        nothing = self.noise.new_zeros(1, MEL_BINS)
        blank = self.estimator.condition(nothing, nothing, nothing)
        both = blank.repeat(guided.layout.rows, 1)
        return both.index_copy_(0, guided.conditional, condition)


def _known_mel(stretch: Stretch) -> Tensor:
    """The prompt's mel where the stretch lies in the prompt, zeros after it."""
    known = stretch.prompt.mel[stretch.first_frame :][: stretch.frames]
    return functional.pad(known, (0, 0, 0, stretch.frames - len(known)))


def _noise(config: FlowConfig) -> Tensor:
    """Where all solves start [frames, 80]: as upstream, from a fixed seed on the CPU."""
    generator = torch.Generator().manual_seed(config.noise_seed)
    drawn = torch.randn(1, MEL_BINS, config.noise_frames, generator=generator)
    return drawn[0].t().contiguous()
