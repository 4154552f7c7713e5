"""Short-time Fourier transforms as fixed matrices (iSTFTNet, Kaneko et al., 2022).

Both equal ``torch.stft`` and ``torch.istft`` with a periodic Hann window and ``center=True``. With
16 samples a frame a product with a 16 x 18 matrix is cheaper than an FFT, and frames can be cut
anywhere, which streaming needs.
"""

import torch
from torch import Tensor


class Analysis:
    """Samples to real and imaginary parts."""

    def __init__(self, n_fft: int, hop: int, device: torch.device) -> None:
        self._n_fft = n_fft
        self._hop = hop
        window, angles = _window(n_fft), _angles(n_fft)
        basis = torch.cat((angles.cos(), -angles.sin())) * window
        self._basis = basis.T.to(device, torch.float32)

    @property
    def reach(self) -> int:
        """Samples that the first and last frame see beyond the sequence."""
        return self._n_fft // 2

    def forward(self, samples: Tensor) -> Tensor:
        """Transform samples that already hold ``reach`` samples more at either end.

        Args:
            samples: [b, hop * (frames - 1) + n_fft].

        Returns:
            [b, n_fft + 2, 1, frames], real parts before imaginary ones.
        """
        spectra = samples.unfold(1, self._n_fft, self._hop) @ self._basis
        return spectra.transpose(1, 2)[:, :, None]


class Synthesis:
    """Real and imaginary parts to samples, by windowed overlap-add.

    Samples come in blocks of one hop. Block ``b`` is complete when frame ``b`` is in; the first
    ``lead_blocks`` blocks and those after the last frame's own are outside the signal.
    """

    def __init__(self, n_fft: int, hop: int, device: torch.device) -> None:
        self._hop = hop
        self.overlap = n_fft // hop - 1
        """Blocks of a frame that later frames still add to."""
        self.lead_blocks = n_fft // hop // 2
        window, angles = _window(n_fft), _angles(n_fft)
        weights = torch.full((n_fft // 2 + 1, 1), 2.0 / n_fft, dtype=torch.float64)
        weights[0] = weights[-1] = 1.0 / n_fft
        basis = torch.cat((angles.cos() * weights, -angles.sin() * weights)) * window
        envelope = window.square().view(-1, hop)
        self._basis = basis.to(device, torch.float32)
        self._inner_gain = (1.0 / envelope.sum(0)).to(device, torch.float32)
        # At either end of a signal one frame of those that should overlap is missing.
        self._head_gain = (1.0 / envelope[:-1].sum(0)).to(device, torch.float32)
        self._tail_gain = (1.0 / envelope[1:].sum(0)).to(device, torch.float32)

    def overlap_add(self, spectra: Tensor, carried: Tensor) -> Tensor:
        """Add frames up.

        Args:
            spectra: [b, frames, n_fft + 2], zeros where a row has ended.
            carried: [b, overlap, hop], the unfinished blocks of the frames before.

        Returns:
            [b, frames + overlap, hop], of which the last ``overlap`` blocks are unfinished; not
            yet divided by the window's envelope.
        """
        batch, count, _ = spectra.shape
        frames = (spectra @ self._basis).view(batch, count, -1, self._hop)
        blocks = frames.new_zeros((batch, count + self.overlap, self._hop))
        blocks[:, : self.overlap] = carried
        for part in range(self.overlap + 1):
            blocks[:, part : part + count] += frames[:, :, part]
        return blocks

    def finish(self, blocks: Tensor, *, is_head: bool, is_tail: bool) -> Tensor:
        """Divide complete blocks [n, hop] of one row by the envelope; samples [n * hop].

        Args:
            is_head: the first block is the first of the signal.
            is_tail: the last block is the last of the signal.
        """
        scaled = blocks * self._inner_gain
        if is_head:
            scaled[0] = blocks[0] * self._head_gain
        if is_tail:
            scaled[-1] = blocks[-1] * self._tail_gain
        return scaled.flatten()


def _window(n_fft: int) -> Tensor:
    return torch.hann_window(n_fft, periodic=True, dtype=torch.float64)


def _angles(n_fft: int) -> Tensor:
    """Angle of each bin at each sample, float64 [n_fft // 2 + 1, n_fft]."""
    steps = torch.outer(torch.arange(n_fft // 2 + 1), torch.arange(n_fft)) % n_fft
    return steps.double() * (2.0 * torch.pi / n_fft)
