"""From settings to a running engine."""

from importlib import import_module
from typing import cast

from configs.engines import EngineSettings
from engines.errors import EngineLoadError
from engines.protocol import Engine

_CLASSES = {
    "tone": "engines.tone:ToneEngine",
    "piper": "engines.piper:PiperEngine",
    "mms": "engines.mms:MmsEngine",
    "cosyvoice": "engines.cosyvoice:CosyVoiceEngine",
}
"""Imported when asked for: each engine has packages of its own that the others do without."""


def load_engine(settings: EngineSettings) -> Engine:
    """Start the engine that ``settings.engine`` names.

    Raises:
        EngineLoadError: a package or a model file is missing; the message says what to do.
    """
    module, class_name = _CLASSES[settings.engine].split(":")
    try:
        engine_class = getattr(import_module(module), class_name)
    except ModuleNotFoundError as error:
        raise EngineLoadError(
            f"the {settings.engine} engine needs the package {error.name!r}, which is not "
            "installed (see the extras in pyproject.toml)"
        ) from error
    return cast(Engine, engine_class(settings))
