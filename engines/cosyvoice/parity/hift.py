"""Parity of the vocoder: F0, harmonic source, generator, whole and streamed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.cosyvoice.config import MEL_HOP
from engines.cosyvoice.hift import (
    CausalChunk,
    CausalVocoder,
    HiftModules,
    OverlapChunk,
    OverlapVocoder,
    SourceNoise,
)
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenArrays, GoldenVersion
from engines.cosyvoice.weights import plain_vocoder_state

_F0_TOLERANCE_HZ = 5e-4
_SOURCE_TOLERANCE = 1e-3
_GENERATOR_TOLERANCE = 5e-5
WAVEFORM_TOLERANCE = 3e-3
_NOISE_SEEDS = range(11, 31)


class TableNoise:
    """Noise read from a table, fp32 [samples, channels], from its start."""

    def __init__(self, table: Tensor) -> None:
        self._table = table
        self._position = 0

    def draw(self, samples: int) -> Tensor:
        """Return the next rows."""
        start = self._position
        self._position += samples
        return self._table[start : self._position]


class Silence:
    """No noise at all."""

    def __init__(self, channels: int, device: torch.device | str = "cpu") -> None:
        self._channels = channels
        self._device = device

    def draw(self, samples: int) -> Tensor:
        """Return zeros."""
        return torch.zeros((samples, self._channels), device=self._device)


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every case of ``hift.npz``."""
    arrays = version.arrays("hift")
    modules = HiftModules.load(
        plain_vocoder_state(version.state("hift")), version.config.hift, version.device
    )
    vocoder = CausalVocoder(modules) if version.config.hift.causal else OverlapVocoder(modules)
    yield from _f0(vocoder, arrays)
    yield from _source(vocoder, modules, arrays)
    yield from _generator(vocoder, arrays)
    yield from _whole(vocoder, modules, arrays)
    chunks = version.notes("hift")["stream_chunks"]
    silence = Silence(modules.source.channels, modules.device)
    if isinstance(vocoder, CausalVocoder):
        yield from _unfinished(vocoder, arrays, silence)
        yield from _causal_chunks(vocoder, arrays, chunks, silence)
    else:
        yield from _overlapping_chunks(vocoder, arrays, chunks, silence)
    yield from (Comparison.failure(name, "unknown array") for name in arrays.unused)


def _noise_table(modules: HiftModules, f0: Tensor, radians: Tensor, reference: Tensor) -> Tensor:
    """Make the noise table of this set, fp32 [samples, channels].

    The files do not say which seed it was drawn with (11 in the main set, others elsewhere), so
    it is the one whose source fits the reference best.
    """
    shape = (f0.shape[1] * MEL_HOP, modules.source.channels)

    def misfit(table: Tensor) -> float:
        made = modules.source.forward(f0, radians, table[None])[0, : len(reference)]
        return float((made - reference).square().mean())

    tables = (
        _drawn(seed, shape, uniform=modules.config.causal).to(modules.device)
        for seed in _NOISE_SEEDS
    )
    return min(tables, key=misfit)


def _drawn(seed: int, shape: tuple[int, int], *, uniform: bool) -> Tensor:
    drawer = np.random.RandomState(seed)
    table = drawer.random_sample(shape) if uniform else drawer.standard_normal(shape)
    return torch.from_numpy(table.astype(np.float32))


def _f0(vocoder: CausalVocoder | OverlapVocoder, arrays: GoldenArrays) -> Iterator[Comparison]:
    mel = arrays.tensor("mel")
    f0 = vocoder.predict_f0(mel)
    yield Comparison.of("f0", f0, arrays["f0"], _F0_TOLERANCE_HZ)
    if isinstance(vocoder, CausalVocoder) and "f0_notfinal" in arrays:
        f0 = vocoder.predict_f0(mel, is_last=False)
        yield Comparison.of("f0_notfinal", f0, arrays["f0_notfinal"], _F0_TOLERANCE_HZ)


def _source(
    vocoder: CausalVocoder | OverlapVocoder, modules: HiftModules, arrays: GoldenArrays
) -> Iterator[Comparison]:
    """Check the sines and the source made from our own F0."""
    f0 = vocoder.predict_f0(arrays.tensor("mel"))[None]
    module = modules.source
    radians = module.phases(f0, module.start(1)).radians
    sines = module.sines(radians, f0)[0]
    if modules.config.causal:
        sines = sines.repeat_interleave(MEL_HOP, dim=-1)
    voiced = (f0[0] > modules.config.voiced_threshold_hz).float()
    yield Comparison.equal("uv_frames", voiced.tolist(), arrays["uv_frames"].tolist())
    name = "sines_first2400_zero_noise"
    reference = arrays[name]
    yield Comparison.of(name, sines.T[: len(reference)], reference, _SOURCE_TOLERANCE)
    noise = Silence(module.channels, modules.device).draw(f0.shape[1] * MEL_HOP)[None]
    made = module.forward(f0, radians, noise)[0]
    yield Comparison.of("source_zero_noise", made, arrays["source_zero_noise"], _SOURCE_TOLERANCE)


def _generator(
    vocoder: CausalVocoder | OverlapVocoder, arrays: GoldenArrays
) -> Iterator[Comparison]:
    source = arrays.tensor("inject_source")
    mel = arrays.tensor("mel")[:, : len(source) // MEL_HOP]
    (samples,) = vocoder.decode([mel], [source])
    yield Comparison.of("inject_wav", samples, arrays["inject_wav"], _GENERATOR_TOLERANCE)


def _whole(
    vocoder: CausalVocoder | OverlapVocoder,
    modules: HiftModules,
    arrays: GoldenArrays,
) -> Iterator[Comparison]:
    """Render the mel without and with noise; the reference may be cut short."""
    mel = arrays.tensor("mel")
    f0 = vocoder.predict_f0(mel)[None]
    radians = modules.source.phases(f0, modules.source.start(1)).radians
    reference = arrays.tensor("source_table_noise")
    table = _noise_table(modules, f0, radians, reference)
    made = modules.source.forward(f0, radians, table[None])[0, : len(reference)]
    yield Comparison.of("source_table_noise", made, reference, _SOURCE_TOLERANCE)
    noises: dict[str, SourceNoise] = {
        "zero": Silence(modules.source.channels, modules.device),
        "table": TableNoise(table),
    }
    for name, noise in noises.items():
        (wave,) = vocoder.render([mel], [noise])
        case = f"wav_{name}_noise"
        expected = arrays[case]
        yield Comparison.of(case, wave[: len(expected)], expected, WAVEFORM_TOLERANCE)


def _unfinished(
    vocoder: CausalVocoder, arrays: GoldenArrays, noise: SourceNoise
) -> Iterator[Comparison]:
    name = "wav_notfinal_zero_noise"
    chunk = CausalChunk(vocoder.open(noise), arrays.tensor("mel"), is_last=False)
    (samples,) = vocoder.advance([chunk])
    yield Comparison.of(name, samples, arrays[name], WAVEFORM_TOLERANCE)


def _causal_chunks(
    vocoder: CausalVocoder, arrays: GoldenArrays, chunks: list[dict[str, Any]], noise: SourceNoise
) -> Iterator[Comparison]:
    stream = vocoder.open(noise)
    for index, chunk in enumerate(chunks):
        mel = arrays.tensor("mel")[:, chunk["mel_start"] : chunk["mel_end"]]
        (samples,) = vocoder.advance([CausalChunk(stream, mel, chunk["finalize"])])
        name = f"stream_chunk{index}_wav"
        yield Comparison.of(name, samples, arrays[name], WAVEFORM_TOLERANCE)


def _overlapping_chunks(
    vocoder: OverlapVocoder, arrays: GoldenArrays, chunks: list[dict[str, Any]], noise: SourceNoise
) -> Iterator[Comparison]:
    """Check each chunk as emitted, and its source and edges before the fade."""
    stream = vocoder.open(noise)
    window = torch.cat(vocoder.fade)
    yield Comparison.of("fade_window", window, arrays["fade_window"], 1e-12)
    for index, chunk in enumerate(chunks):
        name = f"stream_chunk{index}"
        mel = arrays.tensor("mel")[:, chunk["mel_start"] : chunk["mel_end"]]
        whole = mel if not index else torch.cat((stream.mel, mel), dim=1)
        (made,) = vocoder.render_with_sources([whole], [stream.source], [noise])
        overlap = len(window) // 2
        for part, ours, tolerance in (
            ("source", made.source, _SOURCE_TOLERANCE),
            (f"before_fade_head{overlap}", made.samples[:overlap], WAVEFORM_TOLERANCE),
            (f"generator_tail{overlap}", made.samples[-overlap:], WAVEFORM_TOLERANCE),
        ):
            yield Comparison.of(f"{name}_{part}", ours, arrays[f"{name}_{part}"], tolerance)
        (samples,) = vocoder.advance([OverlapChunk(stream, mel, chunk["finalize"])])
        yield Comparison.of(f"{name}_wav", samples, arrays[f"{name}_wav"], WAVEFORM_TOLERANCE)
