"""The parts of the vocoder, loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from engines.cosyvoice.config import HiftConfig
from engines.cosyvoice.hift.conv import ConvReader, fast_format
from engines.cosyvoice.hift.f0 import F0Predictor
from engines.cosyvoice.hift.generator import Generator
from engines.cosyvoice.hift.noise import SeededNoise
from engines.cosyvoice.hift.source import HarmonicSource
from engines.cosyvoice.hift.spectrum import Analysis, Synthesis
from engines.cosyvoice.weights import StateReader


@dataclass(frozen=True, slots=True, eq=False)
class HiftModules:
    """What both vocoders are made of; fp32 throughout, but for CosyVoice 3's float64 F0."""

    config: HiftConfig
    device: torch.device
    f0: F0Predictor
    source: HarmonicSource
    generator: Generator
    analysis: Analysis
    synthesis: Synthesis

    @classmethod
    def load(
        cls, state: Mapping[str, Tensor], config: HiftConfig, device: torch.device | str = "cpu"
    ) -> Self:
        """Build from the state dict of ``hift.pt`` (see ``plain_vocoder_state``).

        Raises:
            WeightsError: keys are missing, left over, or of another shape.
        """
        device = torch.device(device)
        with StateReader("hift.pt", state) as reader:
            layers = ConvReader(reader, causal=config.causal, device=device, dtype=torch.float32)
            return cls(
                config=config,
                device=device,
                f0=F0Predictor.load(reader, config, device),
                source=HarmonicSource.load(reader, config, device),
                generator=Generator.load(layers, config),
                analysis=Analysis(config.istft_n_fft, config.istft_hop, device),
                synthesis=Synthesis(config.istft_n_fft, config.istft_hop, device),
            )

    def noise(self, seed: int | None) -> SeededNoise:
        """Make the source noise of one request."""
        return SeededNoise(
            seed,
            channels=self.source.channels,
            uniform=self.config.causal,
            device=self.device,
        )

    def batch_mels(self, mels: Sequence[Tensor], frames: int) -> Tensor:
        """Pad ``mels`` [80, t] with zeros to [b, 80, 1, frames]."""
        batch = torch.empty(
            (len(mels), mels[0].shape[0], 1, frames),
            device=self.device,
            memory_format=fast_format(self.device),
        ).zero_()
        for row, mel in enumerate(mels):
            batch[row, :, 0, : mel.shape[1]] = mel
        return batch


def stack_padded(rows: Sequence[Tensor], length: int) -> Tensor:
    """Pad ``rows`` [n, ...] at the end with zeros to [b, length, ...]."""
    batch = rows[0].new_zeros((len(rows), length, *rows[0].shape[1:]))
    for index, row in enumerate(rows):
        batch[index, : row.shape[0]] = row
    return batch
