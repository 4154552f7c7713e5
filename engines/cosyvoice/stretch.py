"""Speaking faster or slower: the mel is stretched in time before it becomes sound."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


class MelStretch:
    """Stretches a mel that comes in chunks, without seams.

    Linear interpolation between frames. A mel that comes in one piece becomes int(t / speed)
    frames as upstream's does (cosyvoice/cli/model.py, token2wav); upstream refuses to stretch
    streams. Here frame j of the output is taken at (j + 0.5) * speed - 0.5 of the input, so that
    chunks continue each other exactly; upstream's places differ from these by the rounding of the
    length.

    Args:
        speed: 2.0 is twice as fast.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start = 0
        self._made = 0
        self._waiting: Tensor | None = None

    def advance(self, mel: Tensor, *, is_last: bool) -> Tensor:
        """Take the next frames [80, t]; return those that are ready [80, u].

        The last input frame waits for its successor, unless there is none.
        """
        if self._speed == 1.0:
            return mel
        if is_last and self._waiting is None:
            return F.interpolate(mel[None], size=int(mel.shape[1] / self._speed), mode="linear")[0]
        known = mel if self._waiting is None else torch.cat([self._waiting, mel], dim=1)
        stop = self._start + known.shape[1]
        total = int(stop / self._speed) if is_last else self._last_ready(stop)
        places = (torch.arange(self._made, max(total, self._made)) + 0.5) * self._speed - 0.5
        stretched = _interpolate(known, places.clamp(min=0.0) - self._start)
        self._made = max(total, self._made)
        next_place = int(max((self._made + 0.5) * self._speed - 0.5, 0.0))
        keep_from = min(max(next_place, self._start), stop)
        self._waiting = known[:, keep_from - self._start :]
        self._start = keep_from
        return stretched

    def _last_ready(self, stop: int) -> int:
        """Output frames whose right neighbour is among the first ``stop`` input frames."""
        return max(int((stop - 0.5) / self._speed - 0.5), 0)


def _interpolate(mel: Tensor, places: Tensor) -> Tensor:
    """Values of ``mel`` [80, t] at fractional ``places`` [u]; the last frame continues."""
    last = mel.shape[1] - 1
    left = places.floor().clamp(max=last).long()
    right = (left + 1).clamp(max=last)
    weight = (places - left).clamp(0.0, 1.0).to(mel)
    left, right = left.to(mel.device), right.to(mel.device)
    return mel[:, left] * (1 - weight) + mel[:, right] * weight
