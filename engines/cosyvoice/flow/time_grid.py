"""When the solver looks at the velocity field, and how the estimators see the time."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """The Euler steps: ``x += durations[i] * velocity(x, times[i])``."""

    times: tuple[float, ...]
    durations: tuple[float, ...]

    @classmethod
    def cosine(cls, steps: int) -> "TimeGrid":
        """Steps between ``1 - cos(pi / 2 * i / steps)``.

        The sums are carried in float32, as upstream does (flow_matching.py, solve_euler): each
        time is the sum of the durations before it, each duration leads to the next grid point.
        """
        grid = 1 - torch.cos(torch.linspace(0, 1, steps + 1) * 0.5 * torch.pi)
        time, times, durations = grid[0], [], []
        for step in range(steps):
            duration = grid[step + 1] - time
            times.append(float(time))
            durations.append(float(duration))
            time = time + duration
        return cls(tuple(times), tuple(durations))


def sinusoids(times: tuple[float, ...], width: int, device: torch.device) -> Tensor:
    """Sine and cosine of ``1000 * time`` at ``width / 2`` frequencies, [times, width].

    The frequencies fall geometrically from 1 to 1/10000 (Matcha-TTS, SinusoidalPosEmb).
    """
    half = width // 2
    steps = torch.arange(half, dtype=torch.float32)
    frequencies = torch.exp(steps * -(math.log(10_000) / (half - 1)))
    angles = 1000 * torch.tensor(times)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(device)
