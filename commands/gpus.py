"""The GPUs of this machine, as the driver and as torch see them."""

from dataclasses import dataclass

import pynvml

from engines.errors import EngineLoadError

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    name: str
    memory_bytes: int
    free_bytes: int
    driver: str

    def __str__(self) -> str:
        free, total = self.free_bytes / _GIB, self.memory_bytes / _GIB
        return f"{self.name}, {free:.0f} of {total:.0f} GiB free, driver {self.driver}"


def find_gpus() -> list[Gpu] | EngineLoadError:
    """Return the GPUs; none where no driver is; an error where torch cannot use what is there."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        gpus = [_describe(index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    import torch  # takes seconds

    if gpus and not torch.cuda.is_available():
        return EngineLoadError(
            f"the driver shows {', '.join(map(str, gpus))}, but torch {torch.__version__} "
            f"(CUDA {torch.version.cuda}) cannot use it; the driver may be too old"
        )
    return gpus


def _describe(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        name=pynvml.nvmlDeviceGetName(handle),
        memory_bytes=int(memory.total),
        free_bytes=int(memory.free),
        driver=pynvml.nvmlSystemGetDriverVersion(),
    )
