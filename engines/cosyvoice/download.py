"""``python -m engines.cosyvoice.download cosyvoice2|cosyvoice3 --to DIR``: fetch a model.

What is there already and whole is kept; what broke off is continued.
"""

import argparse
import sys
from pathlib import Path

from configs.environment import read_environment
from engines.cosyvoice.model_dir import open_model_directory
from engines.errors import EngineLoadError
from engines.hub import Hub, fetch_into

_HUB_IDS: dict[Hub, dict[str, str]] = {
    "modelscope": {
        "cosyvoice2": "iic/CosyVoice2-0.5B",
        "cosyvoice3": "FunAudioLLM/Fun-CosyVoice3-0.5B-2512",
    },
    "huggingface": {
        "cosyvoice2": "FunAudioLLM/CosyVoice2-0.5B",
        "cosyvoice3": "FunAudioLLM/Fun-CosyVoice3-0.5B-2512",
    },
}
_NEEDED = ["*.yaml", "*.pt", "*.onnx", "CosyVoice-BlankEN/*", "LICENSE*", "README*"]
_UNUSED = ["*.zip", "*batch*.onnx", "flow.decoder.estimator*.onnx", "flow.cache.pt"]


def main() -> int:
    """Fetch the model of the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.cosyvoice.download", description=__doc__
    )
    parser.add_argument("model", choices=_HUB_IDS["modelscope"])
    parser.add_argument("--to", type=Path, required=True, help="folder for the model")
    parser.add_argument("--hub", choices=list(_HUB_IDS), default="modelscope")
    arguments = parser.parse_args()
    try:
        download(arguments.model, arguments.to, arguments.hub)
    except EngineLoadError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{arguments.to} is whole")  # noqa: T201
    return 0


def download(model: str, folder: Path, hub: Hub) -> None:
    """Fetch ``model`` into ``folder`` and check that it is whole.

    Raises:
        EngineLoadError: the network is forbidden or failed, or a file is missing afterwards.
    """
    if read_environment().models_offline:
        raise EngineLoadError("MODELSCOPE_OFFLINE=1 forbids fetching a model")
    fetch_into(folder, _HUB_IDS[hub][model], hub, needed=_NEEDED, unused=_UNUSED)
    open_model_directory(folder).read_config()


if __name__ == "__main__":
    sys.exit(main())
