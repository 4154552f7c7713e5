"""Memory that is really there once it has been set aside."""

import torch
from torch import Tensor


def committed_zeros(*shape: int, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """Zeros of ``shape`` whose pages the system has handed over.

    ``torch.zeros`` on a CPU only promises them: a process that has promised more than there is
    would be killed in the middle of somebody's speech, and seems to grow while it keeps its
    promises.
    """
    return torch.empty(shape, dtype=dtype, device=device).zero_()
