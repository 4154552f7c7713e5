"""Small flows of several sizes with random weights, and random voices and texts for them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from flow_shapes import flow_shapes
from torch import Tensor

from engines.cosyvoice.config import (
    ConformerConfig,
    DitConfig,
    FlowConfig,
    LookaheadConfig,
    UNetConfig,
)
from engines.cosyvoice.flow import Flow, FlowStream, Prompt
from engines.cosyvoice.parity.weights import filled_state

torch.set_num_threads(1)  # the models are tiny: threads would only wait for each other

SIZES = {
    "unet-3-heads": FlowConfig(
        ConformerConfig(width=48, heads=3, ffn=40, layers=1, up_layers=2),
        UNetConfig(channels=24, blocks=2, mid=1, heads=3, head_dim=16),
        vocab=100,
        ode_steps=4,
    ),
    "unet-1-head": FlowConfig(
        ConformerConfig(width=32, heads=4, ffn=64, layers=3, up_layers=1),
        UNetConfig(channels=16, blocks=1, mid=3, heads=1, head_dim=24),
        vocab=100,
        ode_steps=2,
    ),
    "dit-3-heads": FlowConfig(
        LookaheadConfig(width=80, channels=24),
        DitConfig(dim=64, depth=2, heads=3, head_dim=16, ff_mult=3, conv_kernel=31, conv_groups=16),
        vocab=100,
        ode_steps=4,
    ),
    "dit-1-head": FlowConfig(
        LookaheadConfig(width=80, channels=40),
        DitConfig(dim=48, depth=4, heads=1, head_dim=32, ff_mult=1, conv_kernel=9, conv_groups=8),
        vocab=100,
        ode_steps=2,
    ),
}
UNETS = [size for size in SIZES if size.startswith("unet")]


@cache
def state_of(size: str) -> dict[str, Tensor]:
    return filled_state("flow", flow_shapes(SIZES[size]), salt=size)


def load(size: str, *, blocks: int = 40, noise_frames: int = 1500, **options) -> Flow:
    config = replace(SIZES[size], noise_frames=noise_frames)
    return Flow.load(config, state_of(size), cache_blocks=blocks, **options)


class Dice:
    """Random inputs from a fixed seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.RandomState(seed)

    def tokens(self, count: int) -> Tensor:
        return torch.from_numpy(self.random.randint(0, 100, count))

    def prompt(self, flow: Flow, count: int) -> Prompt:
        mel = torch.from_numpy(self.random.standard_normal((2 * count, 80)))
        speaker = torch.from_numpy(self.random.standard_normal(192))
        return flow.prompt(self.tokens(count), mel, speaker)


@contextmanager
def opened(flow: Flow, prompt: Prompt, reserve: int = 0) -> Iterator[FlowStream]:
    with closing(flow.voice(prompt)) as voice, closing(flow.open(voice, reserve)) as stream:
        yield stream


def worst(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference; shapes must agree."""
    assert ours.shape == theirs.shape
    return (ours - theirs).abs().max().item() if ours.numel() else 0.0
