"""The GPUs that this process may use, as NVIDIA's driver sees them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pynvml

from configs.environment import visible_gpus

_PERCENT = 100.0
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment.

    Attributes:
        utilization: share of the last moments in which a kernel ran, 0 to 1; None where the driver
            does not tell, as for a part of a GPU (MIG).
    """

    uuid: str
    name: str
    driver: str
    used_bytes: int
    total_bytes: int
    utilization: float | None

    def __str__(self) -> str:
        free, total = (self.total_bytes - self.used_bytes) / _GIB, self.total_bytes / _GIB
        return f"{self.name}, {free:.0f} of {total:.0f} GiB free, driver {self.driver}"


@dataclass(frozen=True, slots=True)
class LostGpu:
    """A GPU that is there but does not answer: it has fallen off the bus, or its driver hangs."""

    index: int
    problem: str

    def __str__(self) -> str:
        return f"GPU {self.index} does not answer: {self.problem}"


def read_gpus() -> list[GpuReading | LostGpu]:
    """Return what the driver says now, by index; nothing where there is no driver or no GPU."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return list(_visible())
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _visible() -> Iterator[GpuReading | LostGpu]:
    """Read the GPUs that ``CUDA_VISIBLE_DEVICES`` names, by index or the beginning of the UUID."""
    names = visible_gpus()
    driver = pynvml.nvmlSystemGetDriverVersion()
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            gpu = _read(index, driver)
        except pynvml.NVMLError as error:
            if names is None or str(index) in names:
                yield LostGpu(index, str(error))
            continue
        if names is None or any(_is(name, index, gpu.uuid) for name in names):
            yield gpu


def _is(name: str, index: int, uuid: str) -> bool:
    return name == str(index) or (name.startswith("GPU-") and uuid.startswith(name))


def _read(index: int, driver: str) -> GpuReading:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return GpuReading(
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        name=pynvml.nvmlDeviceGetName(handle),
        driver=driver,
        used_bytes=int(memory.used),
        total_bytes=int(memory.total),
        utilization=_utilization(handle),
    )


def _utilization(handle: object) -> float | None:
    try:
        return float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / _PERCENT
    except pynvml.NVMLError_NotSupported:
        return None
