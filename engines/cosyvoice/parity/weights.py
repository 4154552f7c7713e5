"""The deterministic weights under which the reference data was made: a rule, no files."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Shapes = Mapping[str, tuple[Sequence[int], str]]
"""Shape and dtype name of every key of a state dict."""
Draw = Callable[[int, tuple[int, ...]], NDArray[np.float32]]
"""Makes standard normal values of a shape from a seed."""

_TIED = {"llm.model.lm_head.weight": "llm.model.model.embed_tokens.weight"}
_GAINS = {
    "conv_post.parametrizations.weight.original0": 0.25,
    "source_downs.0.weight": 0.3,
    "source_downs.1.weight": 0.3,
    "source_downs.2.weight": 0.3,
    "f0_predictor.classifier.weight": 80.0,
}
_OFFSETS = {"f0_predictor.classifier.bias": 35.0}
_SPREAD = np.float32(0.02)
_ROTARY_BASE = np.float32(10_000)


def draw_as_golden(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw what the golden set was made with."""
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def filled_state(
    stage: str, shapes: Shapes, salt: str, draw: Draw = draw_as_golden
) -> dict[str, Tensor]:
    """Make the state dict of ``stage`` (llm, flow, hift) by the golden set's filling rule.

    Another ``draw`` keeps the rule's scales and gives other values.
    """
    return {
        name: torch.from_numpy(_fill(stage, name, tuple(shape), salt, draw))
        for name, (shape, dtype) in shapes.items()
        if dtype.startswith("float")
    }


def _fill(
    stage: str, name: str, shape: tuple[int, ...], salt: str, draw: Draw
) -> NDArray[np.float32]:
    if stage == "llm":
        name = _TIED.get(name, name)
    if name.endswith("rotary_embed.inv_freq"):
        steps = np.arange(shape[0], dtype=np.float32) / np.float32(shape[0])
        return np.asarray(np.float32(1) / _ROTARY_BASE**steps, np.float32)
    seed = zlib.crc32(f"{stage}{salt}/{name}".encode())
    values = _scaled(name, draw(seed, shape))
    if stage == "hift":
        values = values * np.float32(_GAINS.get(name, 1.0)) + np.float32(_OFFSETS.get(name, 0.0))
    return np.asarray(values, np.float32)


def _scaled(name: str, drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitudes and norm weights lie near one, biases near zero, matrices by their fan-in."""
    if name.endswith("original0"):
        return 1 + _SPREAD * drawn
    if drawn.ndim >= 2:
        return drawn * np.float32(1 / math.sqrt(math.prod(drawn.shape[1:])))
    if name.endswith((".weight", ".alpha")):
        return 1 + _SPREAD * drawn
    return _SPREAD * drawn
