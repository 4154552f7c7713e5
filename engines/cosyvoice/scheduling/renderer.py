"""Chunks of tokens to sound: one flow pass and one vocoder pass over all of them."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.cosyvoice.flow import Chunk, Final, Flow, FlowRequest
from engines.cosyvoice.flow.voice import whole_blocks
from engines.cosyvoice.scheduling.segment import SegmentChunk
from engines.cosyvoice.scheduling.shelf import VoiceShelf
from engines.cosyvoice.scheduling.stats import SchedulerStats
from engines.cosyvoice.vocoder import Vocoder, VocoderChunk


class Renderer:
    """Turns chunks into samples and moves their segments on."""

    def __init__(
        self, flow: Flow, vocoder: Vocoder, shelf: VoiceShelf, final: Final, stats: SchedulerStats
    ) -> None:
        self._flow = flow
        self._vocoder = vocoder
        self._shelf = shelf
        self._final = final
        self._stats = stats

    @torch.inference_mode()
    def render(self, chunks: Sequence[SegmentChunk]) -> list[NDArray[np.float32]]:
        """The new samples of each chunk's segment, float32 [n] at 24 kHz; perhaps none."""
        mels = self._mels(chunks)
        ready = []
        for chunk, mel in zip(chunks, mels, strict=True):
            segment = chunk.segment
            segment.used += chunk.count
            segment.frames += mel.shape[1]
            stretched = segment.stretch.advance(mel, is_last=chunk.is_last)
            ready.append(VocoderChunk(segment.vocoder, stretched, chunk.is_last))
        return _to_host(self._vocoder.advance(ready))

    def _mels(self, chunks: Sequence[SegmentChunk]) -> list[Tensor]:
        """New mel frames [80, t] of each chunk."""
        self._secure_room(chunks)
        mels: dict[SegmentChunk, Tensor] = {}
        remembered = [chunk for chunk in chunks if chunk.segment.flow is not None]
        if remembered:
            solved = self._flow.advance([self._flow_chunk(chunk) for chunk in remembered])
            mels.update(zip(remembered, solved, strict=True))
        whole = [chunk for chunk in chunks if chunk not in mels and self._is_full(chunk)]
        mels.update(self._anew(whole, chunked=False, finalize=True))
        for last in (False, True):
            causal = [c for c in chunks if c not in mels and c.is_last is last]
            self._stats.unremembered += len(causal)
            mels.update(self._anew(causal, chunked=True, finalize=last))
        return [mels[chunk] for chunk in chunks]

    def _is_full(self, chunk: SegmentChunk) -> bool:
        """Whether the chunk is made with attention over the whole segment."""
        return not chunk.segment.streamed or (chunk.is_last and self._final is Final.FULL)

    def _anew(
        self, chunks: Sequence[SegmentChunk], *, chunked: bool, finalize: bool
    ) -> dict[SegmentChunk, Tensor]:
        """Solve whole segments so far, and return what is new."""
        if not chunks:
            return {}
        requests = [FlowRequest(chunk.segment.prompt, chunk.all_tokens()) for chunk in chunks]
        mels = self._flow.offline(requests, chunked=chunked, finalize=finalize)
        return {
            chunk: mel[:, chunk.segment.frames :] for chunk, mel in zip(chunks, mels, strict=True)
        }

    def _flow_chunk(self, chunk: SegmentChunk) -> Chunk:
        stream = chunk.segment.flow
        if stream is None:
            raise TypeError("a segment without memory was taken for one with it")
        return Chunk(stream, chunk.fresh_tokens(), self._final if chunk.is_last else None)

    def _secure_room(self, chunks: Sequence[SegmentChunk]) -> None:
        """See that streams which outgrow their reserve find room, or go on without memory."""
        claimed = 0
        for chunk in chunks:
            missing = _missing_blocks(chunk)
            if missing and not self._shelf.make_room(claimed + missing):
                chunk.segment.forget()
            else:
                claimed += missing


def _missing_blocks(chunk: SegmentChunk) -> int:
    stream = chunk.segment.flow
    if stream is None or chunk.is_last:
        return 0
    wanted = whole_blocks(len(stream.tokens) + chunk.count)
    return max(0, wanted - len(stream.blocks) - stream.spare_blocks)


def _to_host(rows: Sequence[Tensor]) -> list[NDArray[np.float32]]:
    """Copy all rows in one transfer."""
    joined = torch.cat(list(rows)).cpu().numpy()
    return np.split(joined, list(accumulate(len(row) for row in rows))[:-1])
