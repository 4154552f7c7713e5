"""Checks of what comes in, before any work starts."""

import torch
from torch import Tensor

from engines.cosyvoice.config import MEL_BINS, SPEAKER_DIM, TOKEN_MEL_RATIO
from engines.cosyvoice.flow.errors import InvalidInputError, SequenceTooLongError

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.uint8)


def checked_tokens(tokens: Tensor, vocab: int) -> Tensor:
    """Speech tokens as int64.

    Raises:
        InvalidInputError: they are not a CPU vector of integers in [0, vocab).
    """
    if tokens.dtype not in _INTEGERS or tokens.dim() != 1 or tokens.device.type != "cpu":
        raise InvalidInputError(
            f"speech tokens are a vector of integers on the CPU, not {tokens.dtype} of shape "
            f"{tuple(tokens.shape)} on {tokens.device}"
        )
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocab:
        raise InvalidInputError(
            f"speech tokens lie between 0 and {vocab - 1}, not between {int(tokens.min())} and "
            f"{int(tokens.max())}"
        )
    return tokens.to(torch.int64)


def check_prompt_shapes(tokens: Tensor, mel: Tensor, speaker: Tensor) -> None:
    """Check that a prompt's parts fit together.

    Raises:
        InvalidInputError: they do not; the message says what was expected.
    """
    wanted = (len(tokens) * TOKEN_MEL_RATIO, MEL_BINS)
    if mel.shape != wanted:
        raise InvalidInputError(
            f"the prompt's mel has shape {tuple(mel.shape)}; {len(tokens)} tokens go with {wanted}"
        )
    if speaker.shape != (SPEAKER_DIM,):
        raise InvalidInputError(
            f"a speaker vector has shape ({SPEAKER_DIM},), not {tuple(speaker.shape)}"
        )


def check_length(tokens: int, most_frames: int) -> None:
    """Check that ``tokens`` tokens, prompt included, do not outrun the noise.

    Raises:
        SequenceTooLongError: they do.
    """
    frames = tokens * TOKEN_MEL_RATIO
    if frames > most_frames:
        raise SequenceTooLongError(frames, most_frames)
