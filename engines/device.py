"""Picking the device, and falling back from one that does not work."""

import os

import torch
from loguru import logger

from configs.engines import Device
from engines.errors import EngineLoadError


def pick_device(wanted: Device) -> torch.device:
    """Return the device to use: CUDA where it works, else the CPU.

    ``auto`` falls back with a warning where a GPU is there but fails.

    Raises:
        EngineLoadError: ``cuda`` was demanded and does not work.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if wanted == "cuda":
            raise EngineLoadError("device: cuda is asked for, but torch sees no CUDA device")
        return torch.device("cpu")
    try:
        torch.ones(1, device="cuda").add_(1).item()
    except RuntimeError as error:
        if wanted == "cuda":
            raise EngineLoadError(f"device: cuda is asked for, but CUDA fails: {error}") from error
        logger.error("CUDA is there but does not work; falling back to the CPU: {}", error)
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def free_memory_bytes(device: torch.device) -> int:
    """Memory that is free on ``device`` now; of the whole machine for the CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
