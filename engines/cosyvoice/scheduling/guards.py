"""Noticing speech that has gone wrong while it is still being made."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.cosyvoice.config import SAMPLE_RATE_HZ, TOKEN_RATE_HZ

_REPEATS = TOKEN_RATE_HZ
"""One second of the same token: no sound of speech lasts as long."""
_CYCLE_TOKENS = 3 * TOKEN_RATE_HZ
_LONGEST_CYCLE = 12
_SILENCE_S = 4.0
_SILENT_LEVEL = 1e-3
"""-60 dBFS."""


class BrokenSpeechError(RuntimeError):
    """The model's output is no speech; the message says what it is instead."""


class TokenGuard:
    """Notices a language model that is caught in a loop."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=_CYCLE_TOKENS)

    def check(self, token: int) -> None:
        """Take the next speech token.

        Raises:
            BrokenSpeechError: one token fills a second, or a short cycle fills three.
        """
        recent = self._recent
        recent.append(token)
        if len(recent) >= _REPEATS and len(set(list(recent)[-_REPEATS:])) == 1:
            raise BrokenSpeechError(f"the language model repeats token {token}")
        if len(recent) == _CYCLE_TOKENS and len(set(recent)) <= _LONGEST_CYCLE:
            tokens = list(recent)
            for period in range(2, _LONGEST_CYCLE + 1):
                if tokens[period:] == tokens[:-period]:
                    raise BrokenSpeechError(f"the language model repeats {period} tokens")


class AudioGuard:
    """Notices sound that is none: NaN, infinity, or nothing but silence."""

    def __init__(self) -> None:
        self._silent_samples = 0

    def check(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples [n].

        Raises:
            BrokenSpeechError: they are not finite, or there has been no sound for four seconds.
        """
        if not np.isfinite(samples).all():
            raise BrokenSpeechError("the vocoder gave samples that are not finite")
        loud = np.flatnonzero(np.abs(samples) > _SILENT_LEVEL)
        if len(loud):
            self._silent_samples = len(samples) - 1 - int(loud[-1])
        else:
            self._silent_samples += len(samples)
        if self._silent_samples > _SILENCE_S * SAMPLE_RATE_HZ:
            raise BrokenSpeechError(f"there has been no sound for {_SILENCE_S:g} s")
