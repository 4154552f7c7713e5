"""When each engine last spoke a request well: evidence that costs nothing."""

import time
from collections.abc import Callable

from audio.soundness import is_audible
from deployments.messages import SpeechEnded

_NEVER = float("-inf")


class SpokenLately:
    """Notes requests that ended with sound in them, by the deployment that was asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spoken_s: dict[str, float] = {}

    def note(self, engine: str, speech: SpeechEnded) -> None:
        """Note that ``engine`` (a key of the desk's engines) made ``speech``; silence proves
        nothing."""
        if is_audible(speech.peak):
            self._spoken_s[engine] = self._clock()

    def at_s(self, engine: str) -> float:
        """When ``engine`` last did, by the clock; minus infinity if it never did."""
        return self._spoken_s.get(engine, _NEVER)
