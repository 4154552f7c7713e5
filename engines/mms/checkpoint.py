"""Finding and opening one MMS checkpoint: a local folder, or a hub id that is fetched."""

import re
from pathlib import Path

import torch
from transformers import VitsModel, VitsTokenizer

from configs.environment import read_environment, resolve_path
from engines.errors import EngineLoadError
from engines.hub import Hub, fetch_snapshot

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_NEEDED = ("config.json", "vocab.json", "tokenizer_config.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def open_checkpoint(source: str, hub: Hub, device: torch.device) -> tuple[VitsModel, VitsTokenizer]:
    """Load the checkpoint ``source`` (a folder or a hub id) onto ``device`` in fp32.

    Raises:
        EngineLoadError: it is not there, not complete, or may not be fetched.
    """
    folder = _locate(source, hub)
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in _WEIGHTS):
        missing.append(" or ".join(_WEIGHTS))
    if missing:
        raise EngineLoadError(f"the MMS checkpoint {folder} lacks {', '.join(missing)}")
    tokenizer = VitsTokenizer.from_pretrained(folder, local_files_only=True)
    model = VitsModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    model.requires_grad_(False)
    torch.nn.Module.to(model, device)  # VitsModel's own "to" is declared wrongly
    return model, tokenizer


def _locate(source: str, hub: Hub) -> Path:
    folder = resolve_path(Path(source).expanduser())
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(source):
        raise EngineLoadError(f"the MMS checkpoint {source!r} is neither a folder nor a hub id")
    return fetch_snapshot(source, hub, offline=read_environment().models_offline)
