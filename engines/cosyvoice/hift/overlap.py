"""CosyVoice 2's vocoder: chunks overlap and are cross-faded (upstream: cli/model.py, token2wav).

Its convolutions look to both sides, so a chunk is computed with the last 8 mel frames of the one
before, the harmonic source is continued from there, and the 3840 samples that both cover are faded.
What comes out depends on where the chunks are cut, upstream as here.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.config import MEL_HOP
from engines.cosyvoice.hift.edges import WholeEdges
from engines.cosyvoice.hift.modules import HiftModules, stack_padded
from engines.cosyvoice.hift.noise import SourceNoise

Crossfade = Literal["upstream", "unity"]
"""``upstream``: the halves of a Hamming window, which sum to 1.08. ``unity``: the same, divided by
that sum, so that the fade has no gain."""

_FULL_SCALE = 1.0


class Rendering(NamedTuple):
    """One row as the generator made it."""

    samples: Tensor
    source: Tensor


class OverlapStream:
    """What one request carries from chunk to chunk."""

    def __init__(self, noise: SourceNoise, device: torch.device) -> None:
        self.noise = noise
        self.mel = torch.empty((0, 0), device=device)
        self.source = torch.empty(0, device=device)
        self.tail = torch.empty(0, device=device)

    @property
    def num_bytes(self) -> int:
        """Memory that the stream holds between chunks."""
        kept = (self.mel, self.source, self.tail)
        return sum(tensor.numel() * tensor.element_size() for tensor in kept)


class OverlapChunk(NamedTuple):
    """New mel frames [80, t] of one stream."""

    stream: OverlapStream
    mel: Tensor
    is_last: bool


class OverlapVocoder:
    """Turns mel into samples in [-1, 1], whole or in overlapping chunks, batched.

    The upstream window can lift a cross-fade to 1.07; such samples are clipped to 1 here.
    """

    def __init__(self, modules: HiftModules, *, crossfade: Crossfade = "upstream") -> None:
        self._parts = modules
        self._overlap = modules.config.overlap_frames * MEL_HOP
        window = torch.hamming_window(2 * self._overlap, periodic=False, dtype=torch.float64)
        rise, fall = window.to(modules.device).chunk(2)
        gain = rise + fall if crossfade == "unity" else 1.0
        self._rise, self._fall = rise / gain, fall / gain

    @property
    def fade(self) -> tuple[Tensor, Tensor]:
        """The rising and the falling half of the cross-fade, float64 [3840] each."""
        return self._rise, self._fall

    def noise(self, seed: int | None) -> SourceNoise:
        """Make the noise of one request."""
        return self._parts.noise(seed)

    def open(self, noise: SourceNoise) -> OverlapStream:
        """Start a stream."""
        return OverlapStream(noise, self._parts.device)

    @torch.inference_mode()
    def render(self, mels: Sequence[Tensor], noises: Sequence[SourceNoise]) -> list[Tensor]:
        """Turn whole mels [80, t], of any lengths, into samples [t * 480] in one pass."""
        none = [mels[0].new_empty(0)] * len(mels)
        return [made.samples for made in self.render_with_sources(mels, none, noises)]

    @torch.inference_mode()
    def advance(self, chunks: Sequence[OverlapChunk]) -> list[Tensor]:
        """Advance several streams in one pass; returns the new samples of each.

        All but the last chunk of a stream hold back the samples that the next one fades into.

        Raises:
            ValueError: a first chunk that is not the last is shorter than the overlap.
        """
        mels = [_continued(chunk) for chunk in chunks]
        for chunk, mel in zip(chunks, mels, strict=True):
            if mel.shape[1] < self._parts.config.overlap_frames and not chunk.is_last:
                raise ValueError(
                    f"a chunk of {mel.shape[1]} mel frames is shorter than the overlap of "
                    f"{self._parts.config.overlap_frames}; only the last one may be"
                )
        made = self.render_with_sources(
            mels,
            [chunk.stream.source for chunk in chunks],
            [chunk.stream.noise for chunk in chunks],
        )
        return [self._emit(*row) for row in zip(chunks, mels, made, strict=True)]

    @torch.inference_mode()
    def render_with_sources(
        self, mels: Sequence[Tensor], sources: Sequence[Tensor], noises: Sequence[SourceNoise]
    ) -> list[Rendering]:
        """Render ``mels``; each row's source begins with what ``sources`` gives for it."""
        frames = [mel.shape[1] for mel in mels]
        batch = self._parts.batch_mels(mels, max(frames))
        edges = self._edges(frames)
        f0 = edges.clear(self._parts.f0.forward(batch, edges)[:, None, None])[:, 0, 0]
        module = self._parts.source
        noise = stack_padded(
            [noise.draw(count * MEL_HOP) for noise, count in zip(noises, frames, strict=True)],
            max(frames) * MEL_HOP,
        )
        made = module.forward(f0, module.phases(f0, module.start(len(mels))).radians, noise)
        rows = [row[: count * MEL_HOP] for row, count in zip(made, frames, strict=True)]
        for row, start in zip(rows, sources, strict=True):
            row[: len(start)] = start
        return list(map(Rendering, self._generate(batch, frames, rows, edges), rows))

    @torch.inference_mode()
    def decode(self, mels: Sequence[Tensor], sources: Sequence[Tensor]) -> list[Tensor]:
        """Run the generator alone, on mels [80, t] with given sources [t * 480]."""
        frames = [mel.shape[1] for mel in mels]
        batch = self._parts.batch_mels(mels, max(frames))
        return self._generate(batch, frames, sources, self._edges(frames))

    @torch.inference_mode()
    def predict_f0(self, mel: Tensor) -> Tensor:
        """Predict F0 of a whole mel [80, t]; Hz, fp32 [t]."""
        batch = self._parts.batch_mels([mel], mel.shape[1])
        return self._parts.f0.forward(batch, self._edges([mel.shape[1]]))[0]

    def _edges(self, frames: Sequence[int]) -> WholeEdges:
        generator = self._parts.generator
        return WholeEdges(frames, generator.rates, generator.rate, self._parts.device)

    def _generate(
        self, mel: Tensor, frames: Sequence[int], sources: Sequence[Tensor], edges: WholeEdges
    ) -> list[Tensor]:
        parts = self._parts
        reach = parts.analysis.reach
        mirrored = [F.pad(source[None], (reach, reach), mode="reflect")[0] for source in sources]
        longest = max(frames) * MEL_HOP + 2 * reach
        spectra = edges.clear(parts.analysis.forward(stack_padded(mirrored, longest)))
        out = parts.generator.forward(mel, spectra, edges)
        edges.clear(out.transpose(1, 2)[:, :, None])
        carried = out.new_zeros((len(frames), parts.synthesis.overlap, parts.config.istft_hop))
        blocks = parts.synthesis.overlap_add(out, carried)
        return [
            self._samples(row, count * parts.generator.rate)
            for row, count in zip(blocks, frames, strict=True)
        ]

    def _samples(self, blocks: Tensor, count: int) -> Tensor:
        synthesis = self._parts.synthesis
        inside = blocks[synthesis.lead_blocks : synthesis.lead_blocks + count]
        limit = self._parts.config.audio_limit
        return synthesis.finish(inside, is_head=True, is_tail=True).clamp_(-limit, limit)

    def _emit(self, chunk: OverlapChunk, mel: Tensor, made: Rendering) -> Tensor:
        stream, samples = chunk.stream, made.samples
        if len(stream.tail):
            head = samples[: self._overlap].double() * self._rise + stream.tail * self._fall
            samples[: self._overlap] = head.float()
        if chunk.is_last:
            return samples.clamp_(-_FULL_SCALE, _FULL_SCALE)
        stream.mel = mel[:, -self._parts.config.overlap_frames :].clone()
        stream.source = made.source[-self._overlap :].clone()
        stream.tail = samples[-self._overlap :].clone()
        return samples[: -self._overlap].clamp(-_FULL_SCALE, _FULL_SCALE)


def _continued(chunk: OverlapChunk) -> Tensor:
    if not chunk.stream.mel.numel():
        return chunk.mel
    return torch.cat((chunk.stream.mel, chunk.mel), dim=1)
