"""The settings of the whole application: the ``args`` of ``serve_app:build``."""

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from configs.engines import EngineSettings, MmsSettings
from configs.strict import StrictModel
from configs.voice_aliases import VOICE_ALIASES

MEBIBYTE = 1024 * 1024


class Engines(StrictModel):
    """What runs in each engine deployment."""

    cosyvoice: EngineSettings
    mms: EngineSettings = MmsSettings(engine="mms")
    languages: dict[str, Literal["cosyvoice", "mms"]] = Field(default={})
    """Language code to the deployment that speaks it when a client names none, where that shall
    not be the usual one: CosyVoice for Chinese, Cantonese, English, Japanese, Korean, German,
    Spanish, French, Italian and Russian, MMS for all others."""
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
    store: str = "voices-store"
    """Where registered voices are kept: a folder, or a URL that fsspec knows (``s3://bucket/x``)."""
    store_options: dict[str, Any] = Field(default_factory=dict)
    """What fsspec's file system takes: endpoint, region. Better leave keys to the environment."""
    refresh_s: float = Field(default=1.0, gt=0, le=60)
    """How old a replica's view of the store may be."""
    max_per_owner: int = Field(default=100, gt=0)
    max_bytes: int = Field(default=20 * MEBIBYTE, gt=0)
    """Of the audio file that is registered."""
    min_duration_s: float = Field(default=1.0, gt=0)
    max_duration_s: float = Field(default=30.0, gt=0)
    max_transcript_characters: int = Field(default=1_000, gt=0)
    max_consent_characters: int = Field(default=1_000, gt=0)
    aliases: dict[str, str] = Field(default_factory=dict)
    """Other services' names of voices, to ours; beside those of ``configs.voice_aliases``. A voice
    that has such a name itself goes before it."""

    def voice_aliases(self) -> dict[str, str]:
        """All of other services' names, to ours."""
        return VOICE_ALIASES | self.aliases


class Auth(StrictModel):
    """Who may use the service. ``auth: none`` in a profile is short for ``mode: none``."""

    mode: Literal["keys", "none"] | None = None
    """``keys`` asks for an API key; ``none`` lets everybody in who reaches the port. Left out,
    nobody is asked on loopback, and a service that listens to others does not start."""
    keys_file: Path = Path("keys.json")
    """Where the keys are; on every node that an Ingress replica may run on. Changes are noticed
    within two seconds. The service does not start without it; one that breaks later leaves the
    last good keys in force."""
    public_voice_list: bool = False
    """Answer ``GET /v1/audio/voices`` and ``/v1/audio/models`` without a key, as Open WebUI asks
    for them. Whoever reaches the port then sees the names of all voices."""
    usage_file: Path | None = None
    """Where the day's characters and seconds are kept, so that a restart does not forget them;
    on storage that every node sees, if the Accounts replica may move."""

    @property
    def asks_for_keys(self) -> bool:
        """Whether requests need a key."""
        return self.mode == "keys"


class WebSockets(StrictModel):
    """Connections that stay open; the bounds hold for each ingress replica."""

    max_connections: int = Field(default=50, gt=0)
    """``TTS_MAX_CONNECTIONS`` replaces it."""
    connections_per_key: int = Field(default=20, gt=0)
    """How many of all ingress replicas one API key may hold open."""
    max_frame_bytes: int = Field(default=16 * MEBIBYTE, gt=0, le=16 * MEBIBYTE)
    """Longest message of a client; Ray's proxy takes none above 16 MiB."""
    idle_timeout_s: float = Field(default=300.0, gt=0)
    """A client that sends nothing for so long, while nothing is spoken for it, is sent away."""
    chunk_tokens: int = Field(default=25, gt=0, le=1_000)
    """Longest audio in one frame, in speech tokens of 40 ms; ``TTS_CHUNK_SIZE`` replaces it."""

    @property
    def max_frame_s(self) -> float:
        """Seconds of audio in the longest frame."""
        return self.chunk_tokens * 0.04


class Http(StrictModel):
    """The front door."""

    cors_origins: tuple[str, ...] = ()
    """Origins that browsers may call from; ``*`` for all; none by default."""
    max_text_characters: int = Field(default=5_000, gt=0)
    max_body_bytes: int = Field(default=32 * MEBIBYTE, gt=0)
    websockets: WebSockets = WebSockets()


class Readiness(StrictModel):
    """The canary behind ``GET /readyz``."""

    interval_s: float = Field(default=30.0, gt=0)
    """How old the last good sentence or request of an engine may be before its sentence is spoken;
    older than three times that, it counts for nothing."""
    background: bool = True
    """Speak without being asked. With false a sentence is spoken only when somebody asks
    ``/readyz`` and one is due, so that engines that nobody needs may scale to zero."""
    timeout_s: float = Field(default=20.0, gt=0)
    """A sentence that takes longer counts as not spoken."""
    cosyvoice_text: str = Field(default="Ready.", min_length=1)
    mms_text: str = Field(default="Sedia.", min_length=1)
    """In a language that the MMS deployment speaks by default."""


class Logging(StrictModel):
    """Log lines of our own; Ray's are set by ``logging_config``."""

    level: str = "INFO"
    folder: Path = Path("logs")
    rotation: str = "50 MB"
    retention: str = "14 days"
    compression: str = "gz"


class Tracing(StrictModel):
    """Traces of requests, for a collector of OpenTelemetry; off while no ``endpoint`` is named."""

    endpoint: str | None = None
    """Where it takes OTLP over HTTP: ``http://collector:4318/v1/traces``."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent along. Better leave secrets to the environment: ``OTEL_EXPORTER_OTLP_HEADERS``."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of the requests that are traced; one with a ``traceparent`` as that one says."""
    export_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Longest time for handing over a batch of spans; then they are dropped."""

    @field_validator("endpoint")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be a URL such as http://collector:4318/v1/traces, or null")
        return value


class AppConfig(StrictModel):
    """Everything that ``serve_app:build`` takes; unknown keys are refused."""

    engines: Engines
    audio: Audio = Audio()
    voices: Voices = Voices()
    http: Http = Http()
    readiness: Readiness = Readiness()
    auth: Auth = Auth()
    logging: Logging = Logging()
    tracing: Tracing = Tracing()

    @model_validator(mode="after")
    def _voices_can_be_used(self) -> "AppConfig":
        voices, reference = self.voices, self.audio.reference
        if voices.max_duration_s > reference.max_duration_s:
            raise ValueError(
                "voices.max_duration_s must not exceed audio.reference.max_duration_s: "
                "longer voices could be registered, but not used"
            )
        if not voices.min_duration_s < voices.max_duration_s:
            raise ValueError("voices.min_duration_s must be below voices.max_duration_s")
        return self

    @field_validator("auth", mode="before")
    @classmethod
    def _mode_alone(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value
