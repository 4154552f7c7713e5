"""HiFi-GAN (Kong, Kim, Bae, 2020) over rows of different length.

A convolution sees beyond a row's end. Alone, a row has zeros there in every layer; in a padded
batch it would have what the layer before made of the padding. So the padding is made silent again
after each layer.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional
from transformers.models.vits.modeling_vits import VitsHifiGan

_LAST_SLOPE = 0.01
"""The slope of the last layer; torch's default, not the model's setting."""


def decode(decoder: VitsHifiGan, frames: Tensor, num_frames: Sequence[int]) -> Tensor:
    """Turn frames into samples.

    Args:
        decoder: the model's.
        frames: [rows, channels, frames].
        num_frames: of each row.

    Returns:
        [rows, samples]; a row's own are as many as its frames times the model's hop, and what
        follows means nothing.
    """
    slope = decoder.config.leaky_relu_slope
    hidden = _silenced(decoder.conv_pre(frames), num_frames)
    lengths = list(num_frames)
    kinds = decoder.num_kernels
    for index, (upsample, rate) in enumerate(
        zip(decoder.upsampler, decoder.config.upsample_rates, strict=True)
    ):
        lengths = [rate * length for length in lengths]
        hidden = _silenced(upsample(functional.leaky_relu(hidden, slope)), lengths)
        blocks = decoder.resblocks[index * kinds : (index + 1) * kinds]
        total = _residual(blocks[0], hidden, lengths)
        for block in blocks[1:]:
            total += _residual(block, hidden, lengths)
        hidden = total / kinds
    samples: Tensor = decoder.conv_post(functional.leaky_relu(hidden, _LAST_SLOPE))
    return samples.tanh()[:, 0]


def _residual(block: Any, hidden: Tensor, lengths: Sequence[int]) -> Tensor:
    """Pass one residual block, a transformers HifiGanResidualBlock."""
    slope = block.leaky_relu_slope
    for first, second in zip(block.convs1, block.convs2, strict=True):
        inner = _silenced(first(functional.leaky_relu(hidden, slope)), lengths)
        inner = second(functional.leaky_relu(inner, slope))
        hidden = _silenced(inner + hidden, lengths)
    return hidden


def _silenced(hidden: Tensor, lengths: Sequence[int]) -> Tensor:
    """Zero what lies beyond each row's length, in place; only there is memory touched."""
    for row, length in zip(hidden, lengths, strict=True):
        if length < row.shape[-1]:
            row[:, length:].zero_()
    return hidden
