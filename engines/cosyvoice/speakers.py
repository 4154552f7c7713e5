"""Built-in speakers: x-vectors without a prompt (upstream's sft mode)."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from engines.cosyvoice.config import MEL_BINS, SPEAKER_DIM, Version
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.errors import EngineLoadError


def read_speakers(file: Path, version: Version) -> dict[str, VoicePrompt]:
    """Read ``spk2info.pt``: speakers by name; none where there is no such file.

    Only the x-vector is taken (upstream: cosyvoice/cli/frontend.py, frontend_sft); entries without
    one, which upstream writes for cloned speakers and cannot read back, are left out.

    Raises:
        EngineLoadError: the file is not what it should be.
    """
    if not file.is_file():
        return {}
    try:
        entries = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise EngineLoadError(f"{file} cannot be read: {error}") from error
    if not isinstance(entries, dict):
        raise EngineLoadError(f"{file} holds no speakers by name")
    return {
        str(name): _promptless(entry["embedding"], version)
        for name, entry in entries.items()
        if isinstance(entry, dict) and isinstance(entry.get("embedding"), Tensor)
    }


def _promptless(vector: Tensor, version: Version) -> VoicePrompt:
    return VoicePrompt(
        version=version,
        tokens=torch.zeros(0, dtype=torch.int64),
        mel=torch.zeros(0, MEL_BINS),
        speaker=vector.reshape(SPEAKER_DIM).float(),
    )
