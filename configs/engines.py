"""Settings of the engines: which one a deployment runs, and with what."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from configs.strict import StrictModel

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


class ToneSettings(StrictModel):
    """The fake: a deterministic tone, for tests. Costs nothing and can misbehave on request."""

    engine: Literal["tone"]
    sample_rate_hz: int = Field(default=24_000, ge=8_000, le=48_000)
    chunk_s: float = Field(default=0.2, gt=0, le=10)
    """Seconds of audio in one chunk."""
    delay_s: float = Field(default=0.0, ge=0, le=60)
    """Pause before each chunk."""
    events_file: Path | None = None
    """Where one line per event is appended, so that a test sees what the engine did."""


class PiperSettings(StrictModel):
    """The embedded voice: Piper on the CPU, English and Malay."""

    engine: Literal["piper"]
    model: Path | None = None
    """An ONNX voice with its ``.onnx.json`` beside it; by default the packaged CC0 voice."""
    threads: int = Field(default=2, ge=1, le=64)
    """Threads of one inference."""
    concurrency: int = Field(default=1, ge=1, le=16)
    """Sentences that are spoken at once."""


class MmsSettings(StrictModel):
    """Meta MMS: one VITS checkpoint per language."""

    engine: Literal["mms"]
    models: dict[str, str] = Field(default={})
    """Language code to a checkpoint: a local folder, or a hub id. Malay from the hub where neither
    this nor ``model_folder`` is given."""
    model_folder: Path | None = None
    """A folder whose subfolders are named like the checkpoints, ``mms-tts-<iso3>``: each is spoken.
    ``models`` wins where both have a language."""
    device: Device = "auto"
    hub: Literal["modelscope", "huggingface"] = "modelscope"
    """Where a hub id is fetched from; never with MODELSCOPE_OFFLINE=1."""
    max_batch: int | None = Field(default=None, ge=1, le=64)
    """Sentences of one language that are spoken at once, if so many wait; by default 8 on a GPU and
    1 on the CPU, whose cores one sentence keeps busy."""


class CosyVoiceSettings(StrictModel):
    """CosyVoice 2 or 3 by our own runtime."""

    engine: Literal["cosyvoice"]
    model_dir: Path
    """A released CosyVoice2-0.5B or Fun-CosyVoice3-0.5B-2512 directory."""
    llm_file: Literal["llm.pt", "llm.rl.pt"] = "llm.pt"
    """Which language model of the directory; some carry a second one, tuned by reinforcement."""
    voice_folder: Path | None = None
    """Where prepared voices are kept, so that they are ready at once after a restart."""
    device: Device = "auto"
    precision: Precision = "auto"
    """Of matrix products; ``auto`` is bf16 on GPUs and fp32 on the CPU."""
    llm_weights: Literal["native", "int8"] = "native"
    """``int8`` stores the language model in a byte a weight (CPU only): faster, not exact."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads of torch on the CPU; by default one for each core."""
    flow_cache_seconds: int = Field(default=600, ge=0, le=100_000)
    """Seconds of speech that all streams and voices together can remember at most; a stream that
    finds no room is computed anew with every chunk."""
    flow_cache_share: float = Field(default=0.4, gt=0, lt=1)
    """Share of the device's free memory that they may take."""
    flow_cache_compact: bool = False
    """Remember in a quarter of the memory, for more work in every chunk (CosyVoice 2 only)."""
    final_chunk: Literal["causal", "full"] = "causal"
    """How a stream's last chunk is made: in line with what was heard, or as upstream does."""
    crossfade: Literal["upstream", "unity"] = "upstream"
    """How CosyVoice 2's chunks are joined; upstream's window lifts the level by 8 %."""
    first_audio_budget_s: float = Field(default=30.0, gt=0, le=3600)
    """Interactive requests that would wait longer for their first audio are refused (429)."""
    guards: bool = True
    """Treat loops, silence and endless speech as errors."""


EngineSettings = Annotated[
    ToneSettings | PiperSettings | MmsSettings | CosyVoiceSettings,
    Field(discriminator="engine"),
]
