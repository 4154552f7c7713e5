"""Which MMS checkpoints there are, by the language that each speaks."""

import re
from collections.abc import Mapping
from pathlib import Path

from configs.engines import MmsSettings
from configs.environment import resolve_path
from engines.errors import EngineLoadError
from engines.languages import normalize_language

_DEFAULT_MODELS: Mapping[str, str] = {"ms": "facebook/mms-tts-zlm"}
_FOLDER_NAME = re.compile(r"mms-tts-(?P<code>[a-z]{3})(?:-\w+)*")
"""Such as mms-tts-zlm or mms-tts-azj-script_latin."""


def installed_models(settings: MmsSettings) -> dict[str, str]:
    """Return the checkpoint of each language, those of ``models`` first.

    Raises:
        EngineLoadError: there is none, or two of the folder speak the same language.
    """
    models = {normalize_language(code): source for code, source in settings.models.items()}
    if settings.model_folder is None:
        return models or dict(_DEFAULT_MODELS)
    for language, folder in _in_folder(resolve_path(settings.model_folder), set(models)).items():
        models[language] = str(folder)
    if not models:
        raise EngineLoadError(f"{settings.model_folder} holds no folder called mms-tts-<iso3>")
    return models


def _in_folder(folder: Path, known: set[str]) -> dict[str, Path]:
    """The checkpoints in ``folder`` for languages that are not ``known`` yet."""
    if not folder.is_dir():
        raise EngineLoadError(f"the folder of MMS models {folder} does not exist")
    found: dict[str, Path] = {}
    for subfolder in sorted(path for path in folder.iterdir() if path.is_dir()):
        name = _FOLDER_NAME.fullmatch(subfolder.name)
        language = normalize_language(name["code"]) if name else None
        if language is None or language in known:
            continue
        if language in found:
            raise EngineLoadError(
                f"{found[language].name} and {subfolder.name} both speak {language!r}: name the "
                "one to use in the setting models"
            )
        found[language] = subfolder
    return found
