"""The residual blocks of the vocoder (HiFi-GAN, Kong et al., 2020, with Snake activations)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from engines.cosyvoice.hift.conv import Conv, ConvReader
from engines.cosyvoice.hift.edges import Edges

_NO_DIVISION_BY_ZERO = 1e-9


class Snake:
    """``x + sin(alpha x)^2 / alpha`` for each channel (Liu, Hartwig and Ueda, 2020)."""

    def __init__(self, alpha: Tensor) -> None:
        self._alpha = alpha.view(1, -1, 1, 1)
        self._inverse = 1.0 / (self._alpha + _NO_DIVISION_BY_ZERO)

    def __call__(self, x: Tensor) -> Tensor:
        """Activate [b, channels, 1, t]; zero stays zero."""
        bent = torch.mul(x, self._alpha).sin_()
        return torch.addcmul(x, bent.mul_(bent), self._inverse, out=bent)


@dataclass(frozen=True, slots=True, eq=False)
class ResBlock:
    """Pairs of convolutions, the first of each pair dilated, around a residual."""

    pairs: tuple[tuple[Snake, Conv, Snake, Conv], ...]

    @classmethod
    def load(
        cls,
        reader: ConvReader,
        name: str,
        channels: int,
        kernel: int,
        dilations: Sequence[int],
        *,
        rate: int,
    ) -> Self:
        """Read the block called ``name``."""

        def snake(which: int, index: int) -> Snake:
            return Snake(reader.vector(f"{name}.activations{which}.{index}.alpha", channels))

        def conv(which: int, index: int, dilation: int) -> Conv:
            place = f"{name}.convs{which}.{index}"
            return reader.conv(place, (channels, channels), kernel, rate=rate, dilation=dilation)

        return cls(
            tuple(
                (snake(1, index), conv(1, index, dilation), snake(2, index), conv(2, index, 1))
                for index, dilation in enumerate(dilations)
            )
        )

    def convs(self) -> Iterator[Conv]:
        """Yield the convolutions."""
        for _, dilated, _, plain in self.pairs:
            yield dilated
            yield plain

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """Map [b, channels, 1, t]; ``x`` is left as it is."""
        for first, dilated, second, plain in self.pairs:
            change = edges.conv(dilated, first(x))
            change = edges.conv(plain, second(change))
            x = change.add_(x)
        return x
