"""Fetching models from a hub, unless that is forbidden."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from engines.errors import EngineLoadError

Hub = Literal["modelscope", "huggingface"]

_MODULES = {"modelscope": "modelscope", "huggingface": "huggingface_hub"}
_ERRORS = {
    "modelscope": ("modelscope_hub.errors", "HubError"),
    "huggingface": ("huggingface_hub.errors", "HfHubHTTPError"),
}


def fetch_snapshot(hub_id: str, hub: Hub, *, offline: bool) -> Path:
    """Return the folder of the model ``hub_id`` in the hub's cache, fetched if it is not there.

    Args:
        hub_id: such as ``facebook/mms-tts-zlm``.
        hub: where it comes from.
        offline: look in the cache only.

    Raises:
        EngineLoadError: it cannot be had; the message says why.
    """
    try:
        return _snapshot(hub_id, hub, local_files_only=offline)
    except EngineLoadError as error:
        why = "MODELSCOPE_OFFLINE=1 forbids fetching it" if offline else "it cannot be fetched"
        raise EngineLoadError(f"{hub_id} is not on this machine, and {why}: {error}") from error


def fetch_into(
    folder: Path, hub_id: str, hub: Hub, *, needed: Sequence[str], unused: Sequence[str]
) -> None:
    """Fetch the files of ``hub_id`` that match ``needed`` and not ``unused`` into ``folder``.

    The hubs' own clients show progress, continue what broke off, and check sizes and hashes.

    Raises:
        EngineLoadError: the hub did not give it.
    """
    _snapshot(
        hub_id,
        hub,
        local_dir=str(folder),
        allow_patterns=list(needed),
        ignore_patterns=list(unused),
    )


def _snapshot(hub_id: str, hub: Hub, **options: Any) -> Path:
    module = import_module(_MODULES[hub])  # slow to import, and seldom needed
    error_module, error_name = _ERRORS[hub]
    hub_error: type[Exception] = getattr(import_module(error_module), error_name)
    try:
        return Path(module.snapshot_download(hub_id, **options))
    except (OSError, ValueError, hub_error) as error:
        raise EngineLoadError(f"{hub} did not give {hub_id}: {error}") from error
