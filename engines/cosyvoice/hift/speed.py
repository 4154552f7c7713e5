"""Speaking faster or slower, by stretching the mel of a whole utterance."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def change_speed(mel: Tensor, speed: float) -> Tensor:
    """Resample ``mel`` [80, t] to int(t / speed) frames (upstream: cli/model.py, token2wav).

    Only for whole utterances: chunks stretched one by one would not meet.
    """
    if speed == 1.0:
        return mel
    frames = int(mel.shape[1] / speed)
    return F.interpolate(mel[None], size=frames, mode="linear")[0]
