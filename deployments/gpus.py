"""The GPUs that this process may use, as NVIDIA's driver sees them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pynvml

from configs.environment import visible_gpus

_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment."""

    uuid: str
    used_bytes: int
    total_bytes: int
    utilization: float
    """Share of the last moments in which a kernel ran, 0 to 1."""


def read_gpus() -> list[GpuReading]:
    """Return what the driver says now; nothing where there is no driver or no GPU."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_read(handle) for handle in _handles()]
    except pynvml.NVMLError:
        return []  # a GPU that has fallen off the bus: the engine's own health check tells that
    finally:
        pynvml.nvmlShutdown()


def _handles() -> Iterator[object]:
    visible = visible_gpus()
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        if visible is None or {str(index), pynvml.nvmlDeviceGetUUID(handle)} & set(visible):
            yield handle


def _read(handle: object) -> GpuReading:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    rates = pynvml.nvmlDeviceGetUtilizationRates(handle)
    return GpuReading(
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        used_bytes=int(memory.used),
        total_bytes=int(memory.total),
        utilization=rates.gpu / _PERCENT,
    )
