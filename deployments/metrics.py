"""Metrics of the deployments, exported on each node's Ray metrics port as ``ray_tts_...``."""

from collections.abc import Mapping
from typing import Any

from ray.serve.metrics import Counter, Gauge, Histogram

_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]
_RATIOS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0]


def _keys(*names: str) -> Any:
    """Tag names; Ray declares a tuple of exactly one, and takes any."""
    return names


class EngineMetrics:
    """What an engine replica counts."""

    def __init__(self) -> None:
        self.voice_cache = Counter(
            "tts_voice_cache_requests",
            description="Requests with a reference, by whether the replica had the voice.",
            tag_keys=_keys("engine", "outcome"),
        )
        self._figures: dict[str, Gauge] = {}

    def publish(self, engine: str, figures: Mapping[str, float]) -> None:
        """Export what an engine counts itself, as ``tts_engine_<name>``."""
        for name, value in figures.items():
            if name not in self._figures:
                self._figures[name] = Gauge(
                    f"tts_engine_{name}",
                    description=f"Of the engine since it started: {name.replace('_', ' ')}.",
                    tag_keys=_keys("engine"),
                )
            self._figures[name].set(value, {"engine": engine})


class SpeechMetrics:
    """What an AudioProcessor replica counts."""

    def __init__(self) -> None:
        self.clip_cache = Counter(
            "tts_clip_cache_requests",
            description="Reference clips, by whether the replica had them decoded.",
            tag_keys=_keys("outcome"),
        )
        self.first_audio = Histogram(
            "tts_first_audio_seconds",
            description="From a job's arrival to the engine's first chunk.",
            boundaries=_SECONDS,
            tag_keys=_keys("engine"),
        )
        self.real_time_factor = Histogram(
            "tts_real_time_factor",
            description="Time taken for each second of audio.",
            boundaries=_RATIOS,
            tag_keys=_keys("engine"),
        )
        self.audio = Counter(
            "tts_audio_seconds",
            description="Seconds of audio made.",
            tag_keys=_keys("engine"),
        )
