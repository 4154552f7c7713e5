"""VITS for several texts at once, each with the samples that it gets alone.

The parts are transformers' own. Only what they leave open is done here: each row draws its own
noise, speaks at its own speed, and hears nothing but silence beyond its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import VitsModel

from engines.mms.decoder import decode
from engines.protocol import Samples

TokenIds = NDArray[np.int64]
"""Character ids, shape [tokens], with the blank between them."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One text of a batch.

    Attributes:
        tokens: what to say, int64 [tokens], not empty.
        speed: 1.0 is natural.
        seed: of its noise.
    """

    tokens: TokenIds
    speed: float
    seed: int


class _Noise:
    """One row's draws, as torch's global generators would give them after the same seed."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._host = torch.Generator().manual_seed(seed)
        self._device = self._host
        if device.type != "cpu":
            self._device = torch.Generator(device).manual_seed(seed)

    def for_durations(self, tokens: int) -> Tensor:
        """[2, tokens] on the host, where the model draws it too."""
        return torch.randn(2, tokens, generator=self._host)

    def for_frames(self, frames: int, channels: int) -> Tensor:
        """[frames, channels] on the device, in the model's memory order, which is the draws'."""
        noise = torch.empty(frames, channels, device=self._device.device)
        return noise.T.normal_(generator=self._device).T


@torch.inference_mode()
def speak_batch(model: VitsModel, utterances: Sequence[Utterance]) -> list[Samples]:
    """Synthesise all ``utterances`` in one pass; float32 [n] each, in order."""
    noises = [_Noise(utterance.seed, model.device) for utterance in utterances]
    frames, num_frames = _frames(model, utterances, noises)
    mask = _mask(num_frames, frames.device)
    latents = model.flow(frames, mask, None, reverse=True)
    waveforms = decode(model.decoder, latents * mask, num_frames)
    rate = waveforms.shape[-1] // frames.shape[-1]
    return [
        np.asarray(row[: rate * n].float().cpu().numpy(), np.float32)
        for row, n in zip(waveforms, num_frames, strict=True)
    ]


def _frames(
    model: VitsModel, utterances: Sequence[Utterance], noises: Sequence[_Noise]
) -> tuple[Tensor, list[int]]:
    """What the flow begins with, [rows, channels, frames], zero beyond each row's frames."""
    num_tokens = [len(utterance.tokens) for utterance in utterances]
    mask = _mask(num_tokens, model.device)
    encoded = _encode(model, utterances, mask)
    durations = _durations(model, encoded.last_hidden_state.transpose(1, 2), mask, noises)
    scales = torch.tensor(
        [1.0 / (model.speaking_rate * utterance.speed) for utterance in utterances],
        device=mask.device,
    )
    counts = torch.ceil(durations * mask * scales[:, None, None])[:, 0].long()
    rows = [
        _spread(encoded, row, count[:tokens], noises[row], model.noise_scale)
        for row, (tokens, count) in enumerate(zip(num_tokens, counts, strict=True))
    ]
    return pad_sequence(rows, batch_first=True).transpose(1, 2), [len(row) for row in rows]


def _encode(model: VitsModel, utterances: Sequence[Utterance], mask: Tensor) -> Any:
    tokens = [torch.from_numpy(utterance.tokens) for utterance in utterances]
    padded = pad_sequence(tokens, batch_first=True).to(model.device)
    return model.text_encoder(
        input_ids=padded,
        padding_mask=mask.transpose(1, 2),
        attention_mask=mask[:, 0] if _is_ragged(mask) else None,
        return_dict=True,
    )


def _durations(model: VitsModel, hidden: Tensor, mask: Tensor, noises: Sequence[_Noise]) -> Tensor:
    """Frames for each token at speed 1, not yet rounded, [rows, 1, tokens]."""
    predictor: Any = model.duration_predictor
    if not model.config.use_stochastic_duration_prediction:
        predicted: Tensor = predictor(hidden, mask)
        return torch.exp(predicted)
    conditions = predictor.conv_dds(predictor.conv_pre(hidden), mask)
    conditions = predictor.conv_proj(conditions) * mask
    drawn = [
        noise.for_durations(int(tokens)).T
        for noise, tokens in zip(noises, mask[:, 0].sum(1), strict=True)
    ]
    latents = pad_sequence(drawn, batch_first=True).transpose(1, 2).to(hidden)
    latents = latents * model.noise_scale_duration
    affine, _, *couplings = predictor.flows  # the second is not used in this direction
    for flow in [*reversed(couplings), affine]:
        latents, _ = flow(latents.flip(1), mask, global_conditioning=conditions, reverse=True)
    log_durations: Tensor = latents[:, :1]
    return torch.exp(log_durations)


def _spread(encoded: Any, row: int, counts: Tensor, noise: _Noise, scale: float) -> Tensor:
    """Sample one row's frames, [frames, channels], from what its tokens say of them."""
    tokens = len(counts)
    means: Tensor = encoded.prior_means[row, :tokens].repeat_interleave(counts, dim=0)
    spreads = encoded.prior_log_variances[row, :tokens].repeat_interleave(counts, dim=0)
    return means + noise.for_frames(*means.shape) * torch.exp(spreads) * scale


def _mask(lengths: Sequence[int], device: torch.device) -> Tensor:
    """Ones up to each row's length, [rows, 1, longest]."""
    places = torch.arange(max(lengths), device=device)
    ends = torch.tensor(lengths, device=device)
    return (places < ends[:, None]).float()[:, None]


def _is_ragged(mask: Tensor) -> bool:
    return not bool(mask.all())
