"""CosyVoice 3's vocoder: causal, so chunks continue each other exactly.

Upstream runs the whole history again for every chunk (cli/model.py, CosyVoice3Model.token2wav) and
keeps the new samples. Here each layer carries the few columns that it needs, the source carries
its phase, and the inverse transform its unfinished blocks, so that a chunk costs its own length
and the result is upstream's. Chunk edges are upstream's too: 3 mel frames wait for the F0
predictor, 4 more for the first convolution, and one frame of samples is held back.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.cosyvoice.config import MEL_BINS, MEL_HOP
from engines.cosyvoice.hift.causal_stream import CausalStream, StreamEndedError
from engines.cosyvoice.hift.edges import CarriedEdges, HistoryLayout
from engines.cosyvoice.hift.modules import HiftModules, stack_padded
from engines.cosyvoice.hift.noise import SourceNoise


class CausalChunk(NamedTuple):
    """New mel frames [80, t] of one stream; none are needed to end it."""

    stream: CausalStream
    mel: Tensor
    is_last: bool


class _Row(NamedTuple):
    """So many further frames of a stream, at its end or before."""

    stream: CausalStream
    length: int
    is_last: bool


class CausalVocoder:
    """Turns mel into samples in [-0.99, 0.99], whole or chunk by chunk, batched."""

    def __init__(self, modules: HiftModules) -> None:
        self._parts = modules
        self._f0_layout = HistoryLayout(conv for conv in modules.f0.convs() if conv.edge)
        self._layout = HistoryLayout(modules.generator.carried_places())

    def noise(self, seed: int | None) -> SourceNoise:
        """Make the noise of one request."""
        return self._parts.noise(seed)

    def open(self, noise: SourceNoise) -> CausalStream:
        """Start a stream."""
        parts = self._parts
        device = parts.device
        return CausalStream(
            noise=noise,
            f0_history=torch.zeros(self._f0_layout.size, dtype=parts.f0.dtype, device=device),
            history=torch.zeros(self._layout.size, device=device),
            turns=parts.source.start(1)[0],
            mel=torch.zeros((MEL_BINS, 0), device=device),
            source=torch.zeros(0, device=device),
            blocks=torch.zeros((parts.synthesis.overlap, parts.config.istft_hop), device=device),
            held=torch.zeros(0, device=device),
        )

    def render(self, mels: Sequence[Tensor], noises: Sequence[SourceNoise]) -> list[Tensor]:
        """Turn whole mels [80, t], of any lengths, into samples [t * 480] in one pass."""
        return self.advance(
            [
                CausalChunk(self.open(noise), mel, is_last=True)
                for mel, noise in zip(mels, noises, strict=True)
            ]
        )

    @torch.inference_mode()
    def advance(self, chunks: Sequence[CausalChunk]) -> list[Tensor]:
        """Advance several streams in one pass; returns the new samples of each.

        Raises:
            StreamEndedError: a stream has had its last chunk; nothing is changed then.
        """
        if any(chunk.stream.ended for chunk in chunks):
            raise StreamEndedError("a chunk came after the stream's last one")
        for stream, mel, is_last in chunks:
            stream.mel = torch.cat((stream.mel, mel.to(stream.mel)), dim=1)
            stream.frames += mel.shape[1]
            stream.ended = is_last
        self._extend_sources(self._rows(chunks, self._parts.config.f0_look_right, "f0_frames"))
        self._decode(self._rows(chunks, self._lookahead, "decoded_frames"))
        return [self._emit(chunk.stream) for chunk in chunks]

    @torch.inference_mode()
    def decode(self, mels: Sequence[Tensor], sources: Sequence[Tensor]) -> list[Tensor]:
        """Run the generator alone, on whole mels [80, t] with given sources [t * 480]."""
        rows = []
        for mel, source in zip(mels, sources, strict=True):
            stream = self.open(self.noise(0))
            stream.mel, stream.source, stream.ended = mel, source, True
            rows.append(_Row(stream, mel.shape[1], is_last=True))
        self._decode(rows)
        return [self._emit(row.stream) for row in rows]

    @torch.inference_mode()
    def predict_f0(self, mel: Tensor, *, is_last: bool = True) -> Tensor:
        """Predict F0 of a mel [80, t] from its start; Hz, fp32 [t], or fewer if it goes on."""
        count = mel.shape[1] - (0 if is_last else self._parts.config.f0_look_right)
        stream = self.open(self.noise(0))
        stream.mel = mel
        return self._f0([_Row(stream, count, is_last)])[0]

    @property
    def _lookahead(self) -> int:
        config = self._parts.config
        return config.f0_look_right + config.conv_pre_look_right

    def _rows(self, chunks: Sequence[CausalChunk], lookahead: int, done: str) -> list[_Row]:
        """Say how far each stream can go now with a part that looks ``lookahead`` frames ahead."""
        rows = []
        for stream, _, is_last in chunks:
            ready = stream.frames - (0 if is_last else lookahead)
            count = ready - getattr(stream, done)
            if count > 0:
                rows.append(_Row(stream, count, is_last))
        return rows

    def _mels(self, rows: Sequence[_Row], starts: Sequence[int], lookahead: int) -> Tensor:
        """Batch the frames to compute and those to see ahead; zeros after a stream's end."""
        windows = [
            row.stream.mel[:, start : start + row.length + lookahead]
            for row, start in zip(rows, starts, strict=True)
        ]
        return self._parts.batch_mels(windows, max(row.length for row in rows) + lookahead)

    def _f0(self, rows: Sequence[_Row]) -> Tensor:
        """Predict F0 of each row's frames, [b, most frames], zero beyond a row's own."""
        starts = [row.stream.f0_frames - row.stream.decoded_frames for row in rows]
        mel = self._mels(rows, starts, self._parts.config.f0_look_right)
        before = torch.stack([row.stream.f0_history for row in rows])
        edges = CarriedEdges(self._f0_layout, before, [row.length for row in rows])
        f0 = self._parts.f0.forward(mel, edges)
        for index, row in enumerate(rows):
            row.stream.f0_history = edges.after[index].clone()
            row.stream.f0_frames += row.length
            f0[index, row.length :] = 0.0
        return f0

    def _extend_sources(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        f0 = self._f0(rows)
        module = self._parts.source
        phases = module.phases(f0, torch.stack([row.stream.turns for row in rows]))
        noise = [row.stream.noise.draw(row.length * MEL_HOP) for row in rows]
        made = module.forward(f0, phases.radians, stack_padded(noise, f0.shape[1] * MEL_HOP))
        for index, (stream, count, _) in enumerate(rows):
            stream.turns = phases.turns[index].clone()
            stream.source = torch.cat((stream.source, made[index, : count * MEL_HOP]))

    def _decode(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        parts = self._parts
        counts = [row.length for row in rows]
        lengths = [count * MEL_HOP + 2 * parts.analysis.reach for count in counts]
        segments = [self._mirrored(row)[:length] for row, length in zip(rows, lengths, strict=True)]
        edges = CarriedEdges(
            self._layout,
            torch.stack([row.stream.history for row in rows]),
            counts,
            starts=[row.stream.decoded_frames == 0 for row in rows],
            keeps_last=any(row.is_last for row in rows),
        )
        mel = self._mels(rows, [0] * len(rows), parts.config.conv_pre_look_right)
        spectra = parts.analysis.forward(stack_padded(segments, max(lengths)))
        out = parts.generator.forward(mel, spectra, edges)
        columns = [row.length * parts.generator.rate + int(row.is_last) for row in rows]
        for row_out, valid in zip(out, columns, strict=True):
            row_out[valid:] = 0.0
        carried = torch.stack([row.stream.blocks for row in rows])
        blocks = parts.synthesis.overlap_add(out, carried)
        for index, row in enumerate(rows):
            row.stream.history = edges.after[index].clone()
            self._finish(row, blocks[index], columns[index])

    def _mirrored(self, row: _Row) -> Tensor:
        """Return a row's source with its mirror image where the stream starts or ends."""
        reach = self._parts.analysis.reach
        stream = row.stream
        if stream.decoded_frames == 0:
            head = stream.source[1 : reach + 1].flip(0)
            stream.source = torch.cat((head, stream.source))
        if not row.is_last:
            return stream.source
        return torch.cat((stream.source, stream.source[-reach - 1 : -1].flip(0)))

    def _finish(self, row: _Row, blocks: Tensor, columns: int) -> None:
        """Turn a row's complete blocks into samples, and move its stream on."""
        stream, synthesis = row.stream, self._parts.synthesis
        is_head = stream.decoded_frames == 0
        first = synthesis.lead_blocks if is_head else 0
        complete = blocks[first : columns + int(row.is_last)]
        samples = synthesis.finish(complete, is_head=is_head, is_tail=row.is_last)
        stream.held = torch.cat((stream.held, samples))
        stream.blocks = blocks[columns : columns + synthesis.overlap].clone()
        stream.source = stream.source[row.length * MEL_HOP :].clone()
        stream.mel = stream.mel[:, row.length :].clone()
        stream.decoded_frames += row.length

    def _emit(self, stream: CausalStream) -> Tensor:
        frames = stream.decoded_frames if stream.ended else stream.decoded_frames - 1
        count = max(frames * MEL_HOP - stream.emitted_samples, 0)
        samples, stream.held = stream.held[:count], stream.held[count:].clone()
        stream.emitted_samples += count
        limit = self._parts.config.audio_limit
        return samples.clamp(-limit, limit)
