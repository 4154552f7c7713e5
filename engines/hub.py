"""Fetching models from a hub, unless that is forbidden."""

from importlib import import_module
from pathlib import Path
from typing import Literal

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
    module = import_module(_MODULES[hub])  # slow to import, and seldom needed
    error_module, error_name = _ERRORS[hub]
    hub_error: type[Exception] = getattr(import_module(error_module), error_name)
    try:
        return Path(module.snapshot_download(hub_id, local_files_only=offline))
    except (OSError, ValueError, hub_error) as error:
        why = "MODELSCOPE_OFFLINE=1 forbids fetching it" if offline else f"{hub} did not give it"
        raise EngineLoadError(f"{hub_id} is not on this machine, and {why}: {error}") from error
