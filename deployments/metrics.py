"""Metrics of the deployments, exported on each node's Ray metrics port as ``ray_tts_...``.

``GET /api/metrics`` gathers them over all nodes, as ``tts_...`` (``deployments/node_metrics.py``).
"""

from collections.abc import Mapping
from typing import Any

import psutil
from ray.serve.metrics import Counter, Gauge, Histogram

from engines.gpus import LostGpu, read_gpus

_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]
_WAITS = [0.001, 0.005, *_SECONDS]
_RATIOS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0]
_SECONDS_SUFFIX = "_s"
_MAX_KEYS = 200


def _keys(*names: str) -> Any:
    """Tag names; Ray declares a tuple of exactly one, and takes any."""
    return names


class ProcessMetrics:
    """What every replica tells of its own process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._memory = Gauge("tts_process_resident_bytes", description="Resident set of a replica.")

    def publish(self) -> None:
        """Measure and export."""
        self._memory.set(self._process.memory_info().rss)


class EngineMetrics:
    """What an engine replica counts."""

    def __init__(self) -> None:
        self.voice_cache = Counter(
            "tts_voice_cache_requests",
            description="Requests with a reference, by whether the replica had the voice.",
            tag_keys=_keys("engine", "outcome"),
        )
        self.queue_wait = Histogram(
            "tts_queue_wait_seconds",
            description="From a request's arrival at its engine until its turn came.",
            boundaries=_WAITS,
            tag_keys=_keys("engine"),
        )
        self._totals: dict[str, Counter] = {}
        self._published: dict[str, float] = {}

    def publish(self, engine: str, figures: Mapping[str, float]) -> None:
        """Export an engine's running totals: ``audio_s`` as ``tts_engine_audio_seconds_total``."""
        for name, value in figures.items():
            grown = value - self._published.get(name, 0.0)
            if grown > 0:
                self._total(name).inc(grown, {"engine": engine})
                self._published[name] = value

    def _total(self, name: str) -> Counter:
        if name not in self._totals:
            full = f"{name}econds" if name.endswith(_SECONDS_SUFFIX) else name
            self._totals[name] = Counter(
                f"tts_engine_{full}",
                description=f"Of the engine since it started: {name.replace('_', ' ')}.",
                tag_keys=_keys("engine"),
            )
        return self._totals[name]


class GpuMetrics:
    """The GPUs that an engine replica sees; nothing where there are none."""

    def __init__(self) -> None:
        self._used = Gauge(
            "tts_gpu_memory_used_bytes", description="GPU memory in use.", tag_keys=_keys("gpu")
        )
        self._total = Gauge(
            "tts_gpu_memory_total_bytes", description="GPU memory there is.", tag_keys=_keys("gpu")
        )
        self._busy = Gauge(
            "tts_gpu_utilization_ratio",
            description="Share of the last moments in which a kernel ran, 0 to 1.",
            tag_keys=_keys("gpu"),
        )

    def publish(self) -> None:
        """Measure and export."""
        for gpu in read_gpus():
            if isinstance(gpu, LostGpu):
                continue  # the engine's own health check tells that
            tags = {"gpu": gpu.uuid}
            self._used.set(gpu.used_bytes, tags)
            self._total.set(gpu.total_bytes, tags)
            if gpu.utilization is not None:
                self._busy.set(gpu.utilization, tags)


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
            description="From a job's arrival to the engine's first chunk, waiting included.",
            boundaries=_SECONDS,
            tag_keys=_keys("engine"),
        )
        self.inference = Histogram(
            "tts_inference_seconds",
            description="From a job's arrival to its last encoded byte.",
            boundaries=_SECONDS,
            tag_keys=_keys("engine"),
        )
        self.real_time_factor = Histogram(
            "tts_real_time_factor",
            description="Time taken for each second of audio.",
            boundaries=_RATIOS,
            tag_keys=_keys("engine"),
        )
        self.underruns = Counter(
            "tts_underruns",
            description="Pieces of streams that came after a player had run dry.",
            tag_keys=_keys("engine"),
        )


class RequestMetrics:
    """What an ingress replica counts, by engine and by the name of the key."""

    def __init__(self) -> None:
        self._requests = Counter(
            "tts_requests",
            description="Requests for speech by their end: ok, cancelled, or an error's code.",
            tag_keys=_keys("asked", "mode", "outcome"),
        )
        self._characters = Counter(
            "tts_characters",
            description="Characters of texts that were spoken to their end.",
            tag_keys=_keys("key", "engine"),
        )
        self._audio = Counter(
            "tts_audio_seconds",
            description="Seconds of audio made in requests that were spoken to their end.",
            tag_keys=_keys("key", "engine"),
        )
        self._ready = Gauge(
            "tts_ready", description="1 while the last canary sentence was spoken well, else 0."
        )
        self._keys: set[str] = set()

    def ended(self, asked: str, mode: str, outcome: str) -> None:
        """Count a request that ended in any way."""
        self._requests.inc(tags={"asked": asked, "mode": mode, "outcome": outcome})

    def spoken(self, key: str, engine: str, num_characters: int, audio_s: float) -> None:
        """Count what a request that succeeded was spoken for."""
        tags = {"key": self._bounded(key), "engine": engine}
        self._characters.inc(num_characters, tags)
        self._audio.inc(audio_s, tags)

    def readiness(self, *, ready: bool) -> None:
        """Note what the canary found."""
        self._ready.set(float(ready))

    def _bounded(self, key: str) -> str:
        """The key's name, or ``other`` once so many were seen that more would flood Prometheus."""
        if key in self._keys or len(self._keys) < _MAX_KEYS:
            self._keys.add(key)
            return key
        return "other"
