"""Is a model folder whole? Answered by loading it, as a replica would."""

from pathlib import Path

import torch
from safetensors import SafetensorError

from configs.engines import CosyVoiceSettings
from engines.cosyvoice.config import Version
from engines.cosyvoice.runtime import Runtime
from engines.errors import EngineLoadError
from engines.mms.checkpoint import open_checkpoint


def check_model(folder: Path) -> None:
    """Load the CosyVoice or MMS model in ``folder`` on the CPU and drop it again.

    Raises:
        EngineLoadError: a file or a weight is missing, unexpected or of a wrong shape.
    """
    if not folder.is_dir():
        raise EngineLoadError(f"{folder} is not a folder")
    if any((folder / f"{version}.yaml").is_file() for version in Version):
        settings = CosyVoiceSettings(
            engine="cosyvoice", model_dir=folder, precision="fp32", flow_cache_seconds=0
        )
        Runtime.load(folder, settings, torch.device("cpu"))
        return
    try:
        open_checkpoint(str(folder), "modelscope", torch.device("cpu"))
    except (OSError, ValueError, SafetensorError) as error:
        raise EngineLoadError(f"{folder} cannot be loaded: {error}") from error
