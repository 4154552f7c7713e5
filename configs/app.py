"""The settings of the whole application: the ``args`` of ``serve_app:build``."""

from pathlib import Path

from pydantic import Field, model_validator

from configs.engines import EngineSettings, MmsSettings
from configs.strict import StrictModel

MEBIBYTE = 1024 * 1024


class Engines(StrictModel):
    """What runs in each engine deployment."""

    cosyvoice: EngineSettings
    mms: EngineSettings = MmsSettings(engine="mms")
    voice_cache_bytes: int = Field(default=512 * MEBIBYTE, ge=0)
    """Bound of the prepared voices that one replica keeps."""


class ReferenceLimits(StrictModel):
    """What a reference clip may be."""

    max_bytes: int = Field(default=20 * MEBIBYTE, gt=0)
    min_duration_s: float = Field(default=0.5, gt=0)
    max_duration_s: float = Field(default=30.0, gt=0)
    decode_timeout_s: float = Field(default=15.0, gt=0)
    decode_memory_bytes: int = Field(default=2048 * MEBIBYTE, gt=0)
    cache_bytes: int = Field(default=256 * MEBIBYTE, ge=0)
    """Bound of the decoded clips that one AudioProcessor replica keeps."""

    @model_validator(mode="after")
    def _shortest_below_longest(self) -> "ReferenceLimits":
        if self.min_duration_s >= self.max_duration_s:
            raise ValueError("min_duration_s must be below max_duration_s")
        return self


class Audio(StrictModel):
    """Decoding and encoding."""

    sample_rate_hz: int = Field(default=24_000, ge=8_000, le=48_000)
    """Rate of everything that leaves the service, whatever the engine's own."""
    ffmpeg: Path | None = None
    """The FFmpeg binary; by default the one that imageio-ffmpeg carries."""
    encode_timeout_s: float = Field(default=20.0, gt=0)
    """Longest wait for the encoder to take or give anything before it counts as stuck."""
    reference: ReferenceLimits = ReferenceLimits()


class Voices(StrictModel):
    """Named voices."""

    folders: tuple[Path, ...] = ()
    """Folders of voices besides the built-in ones; a later folder wins over an earlier one."""
    reference_folder: Path | None = None
    """The only place from which a client may name a reference by its path."""


class Http(StrictModel):
    """The front door."""

    cors_origins: tuple[str, ...] = ()
    """Origins that browsers may call from; ``*`` for all; none by default."""
    max_text_characters: int = Field(default=5_000, gt=0)
    max_body_bytes: int = Field(default=32 * MEBIBYTE, gt=0)


class Logging(StrictModel):
    """Log lines of our own; Ray's are set by ``logging_config``."""

    level: str = "INFO"
    folder: Path = Path("logs")
    rotation: str = "50 MB"
    retention: str = "14 days"
    compression: str = "gz"


class AppConfig(StrictModel):
    """Everything that ``serve_app:build`` takes; unknown keys are refused."""

    engines: Engines
    audio: Audio = Audio()
    voices: Voices = Voices()
    http: Http = Http()
    logging: Logging = Logging()
