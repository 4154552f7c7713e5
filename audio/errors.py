"""What is wrong with audio that came in, or went out.

Every error passes its arguments to ``Exception``, so that it survives pickling between replicas.
"""


class FfmpegMissingError(RuntimeError):
    """There is no FFmpeg that runs; the message says how to get one."""


class UndecodableReferenceError(ValueError):
    """FFmpeg finds no audio in the reference."""

    def __str__(self) -> str:
        return "the reference holds no audio that can be decoded; send WAV, MP3, FLAC, Ogg or M4A"


class ReferenceTooLargeError(ValueError):
    """The reference has too many bytes."""

    def __init__(self, num_bytes: int, max_bytes: int) -> None:
        super().__init__(num_bytes, max_bytes)

    def __str__(self) -> str:
        num_bytes, max_bytes = self.args
        return f"the reference has {num_bytes} bytes; at most {max_bytes} are allowed"


class ReferenceDurationError(ValueError):
    """The reference is too short or too long."""

    def __init__(self, duration_s: float | None, min_s: float, max_s: float) -> None:
        super().__init__(duration_s, min_s, max_s)

    def __str__(self) -> str:
        duration_s, min_s, max_s = self.args
        length = f"{duration_s:.2f} s" if duration_s is not None else f"more than {max_s:g} s"
        return f"the reference lasts {length}; allowed are {min_s:g} to {max_s:g} s"


class InvalidSpeechError(RuntimeError):
    """The engine gave something that is not audio: NaN, infinity, or nothing at all."""


class EncoderError(RuntimeError):
    """FFmpeg died or stopped while encoding."""
