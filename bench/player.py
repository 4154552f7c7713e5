"""A simulated listener, and what he makes of the audio's timing."""

from audio.playback import Playback
from bench.load import Sample


class Player:
    """Starts to play with the first chunk and counts how often it runs dry.

    Args:
        started_s: when the request was sent.
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._first_audio_s: float | None = None
        self._playback = Playback()

    def hear(self, audio_s: float, now_s: float) -> None:
        """Take ``audio_s`` seconds of audio that arrive at ``now_s``."""
        if self._first_audio_s is None:
            self._first_audio_s = now_s - self._started_s
        self._playback.hear(audio_s, now_s)

    def finish(self, now_s: float) -> Sample:
        """Return the request as it was heard."""
        return self._sample(self._first_audio_s, now_s)

    def fail(self, now_s: float) -> Sample:
        """Return the request as one that broke."""
        return self._sample(None, now_s)

    def _sample(self, first_audio_s: float | None, now_s: float) -> Sample:
        playback = self._playback
        return Sample(first_audio_s, now_s - self._started_s, playback.audio_s, playback.underruns)
