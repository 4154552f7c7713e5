"""The GPUs that the service may use here, as the driver and as torch see them."""

from engines.errors import EngineLoadError
from engines.gpus import GpuReading, LostGpu, read_gpus


def find_gpus() -> list[GpuReading] | EngineLoadError:
    """Return the GPUs; none where no driver is; an error where one of them cannot be used."""
    found = read_gpus()
    if lost := [gpu for gpu in found if isinstance(gpu, LostGpu)]:
        return EngineLoadError("; ".join(map(str, lost)))
    gpus = [gpu for gpu in found if isinstance(gpu, GpuReading)]
    import torch  # takes seconds

    if gpus and not torch.cuda.is_available():
        return EngineLoadError(
            f"the driver shows {', '.join(map(str, gpus))}, but torch {torch.__version__} "
            f"(CUDA {torch.version.cuda}) cannot use it; the driver may be too old"
        )
    return gpus
