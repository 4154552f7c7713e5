"""A simulated listener, and what he makes of the audio's timing."""

from bench.load import Sample


class Player:
    """Starts to play with the first chunk and counts how often it runs dry.

    Args:
        started_s: when the request was sent.
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._first_audio_s: float | None = None
        self._dry_at_s = started_s
        self._audio_s = 0.0
        self._underruns = 0

    def hear(self, audio_s: float, now_s: float) -> None:
        """Take ``audio_s`` seconds of audio that arrive at ``now_s``."""
        if self._first_audio_s is None:
            self._first_audio_s = now_s - self._started_s
            self._dry_at_s = now_s
        elif now_s > self._dry_at_s:
            self._underruns += 1
            self._dry_at_s = now_s
        self._dry_at_s += audio_s
        self._audio_s += audio_s

    def finish(self, now_s: float) -> Sample:
        """Return the request as it was heard."""
        return Sample(self._first_audio_s, now_s - self._started_s, self._audio_s, self._underruns)

    def fail(self, now_s: float) -> Sample:
        """Return the request as one that broke."""
        return Sample(None, now_s - self._started_s, self._audio_s, self._underruns)
