"""Does speech sound like something at all? What a canary can tell without ears."""

import io

import numpy as np
import soundfile

_SILENT_DBFS = -50.0
_MIN_S = 0.2
_MAX_S = 30.0


def is_audible(peak: float) -> bool:
    """Whether speech whose loudest sample has the absolute value ``peak`` is no silence."""
    return peak > 10 ** (_SILENT_DBFS / 20)


def problem_of(file: bytes) -> str | None:
    """Return what is wrong with the speech in an audio ``file``; None if nothing is.

    Looks at what breaks in practice: a file that cannot be read, a length that no short sentence
    has, silence, samples that are not finite.
    """
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(file), dtype="float32")
    except (soundfile.SoundFileError, RuntimeError) as error:
        return f"the audio cannot be read: {error}"
    duration_s = len(samples) / rate_hz
    if not _MIN_S <= duration_s <= _MAX_S:
        return f"the audio takes {duration_s:.2f} s"
    if not np.isfinite(samples).all():
        return "the audio holds samples that are not finite"
    level_dbfs = 10 * np.log10(max(float(np.mean(np.square(samples))), 1e-12))
    return f"the audio is silent ({level_dbfs:.0f} dBFS)" if level_dbfs < _SILENT_DBFS else None
