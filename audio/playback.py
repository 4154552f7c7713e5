"""A simulated listener: whether audio that comes in pieces comes in time."""


class Playback:
    """Starts to play with the first piece, and counts how often it runs dry."""

    def __init__(self) -> None:
        self._dry_at_s: float | None = None
        self.underruns = 0
        self.audio_s = 0.0

    def hear(self, audio_s: float, now_s: float) -> None:
        """Take ``audio_s`` seconds of audio that arrive at ``now_s``, by any steady clock."""
        if self._dry_at_s is None:
            self._dry_at_s = now_s
        elif now_s > self._dry_at_s:
            self.underruns += 1
            self._dry_at_s = now_s
        self._dry_at_s += audio_s
        self.audio_s += audio_s
