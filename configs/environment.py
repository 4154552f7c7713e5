"""Environment variables, read here and nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from configs.door import DoorSettings

PROJECT_ROOT = Path(__file__).resolve().parent.parent
"""Where relative paths in a profile start."""

_HARMLESS = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


class EnvironmentVariableError(ValueError):
    """A variable holds something that it cannot mean."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the process was told from outside.

    ``CUDA_VISIBLE_DEVICES`` is not here: Ray reads it when it starts and hands each replica
    its share.
    """

    name: str
    """``ENVIRONMENT``: ``dev`` (default) or ``prod``; prod logs JSON."""

    port: int | None
    """``PORT``, else ``TTS_PORT``: the HTTP port, in place of the profile's."""

    models_offline: bool
    """``MODELSCOPE_OFFLINE``: true forbids every model download."""

    grpc_port: int | None = None
    """``GRPC_PORT``: the gRPC port, in place of the profile's."""

    service_url: str | None = None
    """``TTS_URL``: the service that the command line talks to."""

    api_key: str | None = None
    """``TTS_API_KEY``: what the command line presents there."""

    max_connections: int | None = None
    """``TTS_MAX_CONNECTIONS``: open WebSockets, in place of the profile's."""

    chunk_tokens: int | None = None
    """``TTS_CHUNK_SIZE``: speech tokens in a WebSocket's frame, in place of the profile's."""

    @property
    def is_production(self) -> bool:
        """Whether ``ENVIRONMENT`` names production."""
        return self.name == "prod"


def read_environment(variables: Mapping[str, str] = os.environ) -> Environment:
    """Read what ``Environment`` names.

    Raises:
        EnvironmentVariableError: a variable has no meaning; the message names it.
    """
    return Environment(
        name=_environment_name(variables.get("ENVIRONMENT", "dev")),
        port=_number(variables, "PORT", 65_535) or _number(variables, "TTS_PORT", 65_535),
        models_offline=_flag("MODELSCOPE_OFFLINE", variables.get("MODELSCOPE_OFFLINE", "")),
        grpc_port=_number(variables, "GRPC_PORT", 65_535),
        service_url=variables.get("TTS_URL") or None,
        api_key=variables.get("TTS_API_KEY") or None,
        max_connections=_number(variables, "TTS_MAX_CONNECTIONS", 1_000_000),
        chunk_tokens=_number(variables, "TTS_CHUNK_SIZE", 1_000),
    )


def read_door(variables: Mapping[str, str] = os.environ) -> DoorSettings:
    """Read ``DOOR_...``, one variable for each field of ``DoorSettings``.

    Raises:
        EnvironmentVariableError: a value is not allowed; the message names its variable.
    """
    names = {name: f"DOOR_{name.upper()}" for name in DoorSettings.model_fields}
    given = {name: variables[names[name]] for name in names if variables.get(names[name])}
    try:
        return DoorSettings.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        variable = names[str(problem["loc"][0])]
        raise EnvironmentVariableError(
            f"{variable}={problem['input']!r}: {problem['msg']}"
        ) from error


def set_for_children(values: Mapping[str, str]) -> None:
    """Set variables for processes that this one starts, but where they are set already."""
    for name, value in values.items():
        os.environ.setdefault(name, value)


def child_environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a child that reads bytes from strangers may know: where programs are, and no secret."""
    return {name: variables[name] for name in _HARMLESS if name in variables}


def visible_gpus(variables: Mapping[str, str] = os.environ) -> list[str] | None:
    """Return the indices or UUIDs in ``CUDA_VISIBLE_DEVICES``, which Ray sets for each replica.

    None where it is not set: then all GPUs are visible.
    """
    value = variables.get("CUDA_VISIBLE_DEVICES")
    return None if value is None else [part for part in value.split(",") if part]


def resolve_path(path: Path) -> Path:
    """Return ``path`` as an absolute path, relative ones counted from the project's root."""
    return path if path.is_absolute() else PROJECT_ROOT / path


def _environment_name(value: str) -> str:
    known = {"dev": "dev", "development": "dev", "prod": "prod", "production": "prod"}
    if value.lower() not in known:
        raise EnvironmentVariableError(f"ENVIRONMENT={value!r}: use dev or prod")
    return known[value.lower()]


def _number(variables: Mapping[str, str], name: str, highest: int) -> int | None:
    value = variables.get(name, "")
    if value == "":
        return None
    if not value.isdecimal() or not 1 <= int(value) <= highest:
        raise EnvironmentVariableError(f"{name}={value!r}: use a number from 1 to {highest}")
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise EnvironmentVariableError(f"{name}={value!r}: use 1 or 0")
