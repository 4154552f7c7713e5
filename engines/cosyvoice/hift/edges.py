"""What lies beyond the ends of a batch of sequences, for every convolution of the vocoder."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.hift.conv import Conv, fast_format


class Lead(NamedTuple):
    """The place where one column is put before the sequence (torch's ReflectionPad1d((1, 0)))."""

    channels: int
    rate: int


class Edges(Protocol):
    """Runs convolutions with the right edges."""

    def conv(self, layer: Conv, x: Tensor) -> Tensor:
        """Convolve ``x`` [b, in, 1, t]."""
        ...

    def lead(self, place: Lead, x: Tensor) -> Tensor:
        """Delay ``x`` [b, channels, 1, t] by one column; the first is its mirror image."""
        ...


class WholeEdges:
    """Whole sequences with zeros around them, each of its own length.

    Convolutions look to both sides and have biases, so after each one the columns beyond a
    sequence's end are set to zero again; without that its last frames would be wrong.

    Args:
        frames: length of each sequence, in mel frames.
        rates: columns for each mel frame at which convolutions come out.
        lead_rate: the rate that has one column more, after ``lead``.
    """

    def __init__(
        self, frames: Sequence[int], rates: Iterable[int], lead_rate: int, device: torch.device
    ) -> None:
        self._masks: dict[int, Tensor] = {}
        if len(set(frames)) == 1:
            return
        longest = max(frames)
        counts = torch.tensor(frames, device=device)[:, None]
        for rate in rates:
            extra = int(rate == lead_rate)
            columns = torch.arange(longest * rate + extra, device=device)
            inside = columns < counts * rate + extra
            self._masks[len(columns)] = inside.float()[:, None, None]

    def conv(self, layer: Conv, x: Tensor) -> Tensor:
        """Convolve, and clear what lies beyond each end."""
        y = F.conv2d(
            x,
            layer.weight,
            layer.bias,
            stride=(1, layer.stride),
            padding=(0, layer.edge),
            dilation=(1, layer.dilation),
        )
        return self.clear(y)

    def clear(self, x: Tensor) -> Tensor:
        """Set the columns beyond each sequence's end to zero, in place."""
        return x.mul_(self._masks[x.shape[-1]]) if self._masks else x

    def lead(self, place: Lead, x: Tensor) -> Tensor:
        """Put the second column before the first."""
        return torch.cat((x[..., 1:2], x), dim=-1)


class _Region(NamedTuple):
    start: int
    channels: int
    columns: int
    rate: int

    @property
    def end(self) -> int:
        return self.start + self.channels * self.columns


class HistoryLayout:
    """Where each layer's carried columns lie in the one flat vector that a stream keeps."""

    def __init__(self, places: Iterable[Conv | Lead]) -> None:
        self._regions: dict[Conv | Lead, _Region] = {}
        end = 0
        for place in places:
            if isinstance(place, Lead):
                region = _Region(end, place.channels, 1, place.rate)
            else:
                region = _Region(end, place.in_channels, place.edge, place.rate)
            self._regions[place] = region
            end = region.end
        self.size = end

    @property
    def regions(self) -> Mapping[Conv | Lead, _Region]:
        """The region of each layer."""
        return self._regions


class CarriedEdges:
    """Chunks of sequences: every causal layer continues from the columns it saw last.

    A new stream's columns are zeros, which is the padding of a whole sequence. So a chunk costs
    its own length and nothing is computed twice.

    Args:
        before: what each stream carries, [b, layout.size].
        frames: new columns of each row at rate 1 (the rest of a row is padding).
        starts: whether each row is the beginning of its stream.
        keeps_last: whether ``lead`` gives one column more, the one that it else holds back.
    """

    def __init__(
        self,
        layout: HistoryLayout,
        before: Tensor,
        frames: Sequence[int],
        *,
        starts: Sequence[bool] = (),
        keeps_last: bool = False,
    ) -> None:
        self._regions = layout.regions
        self._before = before
        self._frames = frames
        self._ragged = len(set(frames)) > 1
        self._starts = starts
        self._keeps_last = keeps_last
        self.after = torch.empty_like(before)
        """What each stream carries on, [b, layout.size]; complete when all layers have run."""

    def conv(self, layer: Conv, x: Tensor) -> Tensor:
        """Convolve ``x`` after the columns carried for ``layer``."""
        if layer.edge:
            x = self._extend(self._regions[layer], x)
        return F.conv2d(
            x,
            layer.weight,
            layer.bias,
            stride=(1, layer.stride),
            dilation=(1, layer.dilation),
        )

    def lead(self, place: Lead, x: Tensor) -> Tensor:
        """Put the carried column first, or at the start of a stream the second column."""
        joined = self._extend(self._regions[place], x)
        if any(self._starts):
            starts = torch.tensor(self._starts, device=x.device)[:, None, None, None]
            joined[..., :1] = torch.where(starts, x[..., 1:2], joined[..., :1])
        return joined if self._keeps_last else joined[..., :-1]

    def _extend(self, region: _Region, x: Tensor) -> Tensor:
        batch = x.shape[0]
        shape = (batch, region.columns, region.channels)
        carried = self._before[:, region.start : region.end].view(shape)
        joined = torch.cat((carried.transpose(1, 2)[:, :, None], x), dim=-1)
        joined = joined.contiguous(memory_format=fast_format(x.device))
        kept = self.after[:, region.start : region.end].view(shape).transpose(1, 2)
        if self._ragged:
            for row, frames in enumerate(self._frames):
                start = frames * region.rate
                kept[row] = joined[row, :, 0, start : start + region.columns]
        else:
            start = self._frames[0] * region.rate
            kept.copy_(joined[:, :, 0, start : start + region.columns])
        return joined
