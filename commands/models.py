"""``cosyvoice-mms models``: what a profile needs, fetching it, and whether it is whole."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from commands.errors import CommandError
from commands.parsers import add_json, add_profile
from configs.engines import CosyVoiceSettings, MmsSettings
from configs.environment import read_environment, resolve_path
from engines.errors import EngineLoadError
from engines.hub import Hub, fetch_into

_COSYVOICE = ("cosyvoice2", "cosyvoice3")
_MMS_PREFIX = "mms-"
_MMS_FILES = ["*.json", "*.safetensors", "*.bin", "*.txt"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model that a profile names.

    Attributes:
        engine: which engine needs it.
        source: folder or hub id.
        problem: why it cannot be used; None if it can.
    """

    engine: str
    source: str
    problem: str | None


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parts = parser.add_subparsers(metavar="ACTION", required=True)
    listing = parts.add_parser("list", help="what a profile needs, and whether it is there")
    add_profile(listing)
    add_json(listing)
    listing.set_defaults(run=_list)
    download = parts.add_parser("download", help="fetch a model")
    download.add_argument(
        "model", help="cosyvoice2, cosyvoice3, or mms-LANGUAGE such as mms-zlm or mms-eng"
    )
    download.add_argument("--to", type=Path, required=True, help="folder for the model")
    download.add_argument("--hub", choices=["modelscope", "huggingface"], default="modelscope")
    download.set_defaults(run=_download)
    verify = parts.add_parser("verify", help="is a folder a whole model?")
    verify.add_argument("folder", type=Path)
    verify.set_defaults(run=_verify)


def states_of(profile: Path) -> Iterator[ModelState]:
    """Yield each model that ``profile`` names."""
    from commands.profiles import config_of  # takes Ray

    engines = config_of(profile).engines
    for settings in (engines.cosyvoice, engines.mms):
        if isinstance(settings, CosyVoiceSettings):
            folder = resolve_path(settings.model_dir)
            yield ModelState(settings.engine, str(folder), _problem(folder))
        elif isinstance(settings, MmsSettings):
            yield from _mms_states(settings)


def _mms_states(settings: MmsSettings) -> Iterator[ModelState]:
    from engines.mms.installed import installed_models  # takes torch

    try:
        sources = installed_models(settings).values()
    except EngineLoadError as error:
        yield ModelState(settings.engine, str(settings.model_folder), str(error))
        return
    for source in sources:
        yield ModelState(settings.engine, source, _mms_problem(source))


def _list(arguments: argparse.Namespace) -> int:
    states = list(states_of(arguments.profile))
    if arguments.json:
        print(json.dumps([asdict(state) for state in states]))
    elif not states:
        print("this profile needs no models but what its packages carry")
    for state in states if not arguments.json else ():
        print(f"{state.engine:<10} {state.source:<48} {state.problem or 'ready'}")
    return int(any(state.problem for state in states))


def _download(arguments: argparse.Namespace) -> int:
    model: str = arguments.model
    if model in _COSYVOICE:
        from engines.cosyvoice.download import download  # takes torch

        download(model, arguments.to, arguments.hub)
    elif model.startswith(_MMS_PREFIX) and model.removeprefix(_MMS_PREFIX).isalpha():
        _download_mms(model.removeprefix(_MMS_PREFIX), arguments.to, arguments.hub)
    else:
        raise CommandError(f"{model!r} is none of {', '.join(_COSYVOICE)}, mms-LANGUAGE")
    print(f"{arguments.to} is whole")
    return 0


def _download_mms(language: str, folder: Path, hub: Hub) -> None:
    if read_environment().models_offline:
        raise CommandError("MODELSCOPE_OFFLINE=1 forbids fetching a model")
    fetch_into(folder, f"facebook/mms-tts-{language}", hub, needed=_MMS_FILES, unused=[])
    if problem := _problem(folder):
        raise CommandError(problem)


def _verify(arguments: argparse.Namespace) -> int:
    if problem := _problem(arguments.folder):
        raise CommandError(problem)
    print(f"{arguments.folder} is whole")
    return 0


def _mms_problem(source: str) -> str | None:
    folder = resolve_path(Path(source).expanduser())
    if folder.is_dir():
        return _problem(folder)
    if read_environment().models_offline:
        return "not on this machine, and MODELSCOPE_OFFLINE=1 forbids fetching it"
    return None


def _problem(folder: Path) -> str | None:
    """Why the model in ``folder`` cannot be used: every weight's name and shape is looked at."""
    from commands.model_check import check_model  # takes torch

    try:
        check_model(folder)
    except EngineLoadError as error:
        return str(error)
    return None
