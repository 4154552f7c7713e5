"""``python -m engines.mms.download CODE --to DIR``: fetch a language of Meta MMS.

``CODE`` is the name of Meta's checkpoint, ISO 639-3 with one exception that matters here: Malay is
``zlm``. What is there already and whole is kept.
"""

import argparse
import re
import sys
from pathlib import Path

from configs.environment import read_environment
from engines.errors import EngineLoadError
from engines.hub import Hub, fetch_into
from engines.mms.checkpoint import check_whole

_CODE = re.compile(r"[a-z]{3}(-[a-z_]+)?")
_NEEDED = ["*.json", "*.txt", "*.safetensors", "README*"]


def main() -> int:
    """Fetch the language of the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m engines.mms.download", description=__doc__)
    parser.add_argument("code", help="such as zlm (Malay) or eng")
    parser.add_argument("--to", type=Path, required=True, help="folder for the model")
    parser.add_argument("--hub", choices=("modelscope", "huggingface"), default="modelscope")
    arguments = parser.parse_args()
    try:
        download(arguments.code, arguments.to, arguments.hub)
    except EngineLoadError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{arguments.to} is whole")  # noqa: T201
    return 0


def download(code: str, folder: Path, hub: Hub) -> None:
    """Fetch ``facebook/mms-tts-CODE`` into ``folder`` and check that it is whole.

    Raises:
        EngineLoadError: ``code`` is none, the network is forbidden or failed, or a file is missing
            afterwards.
    """
    if not _CODE.fullmatch(code):
        raise EngineLoadError(f"{code!r} is no language code of MMS; Malay is zlm, English eng")
    if read_environment().models_offline:
        raise EngineLoadError("MODELSCOPE_OFFLINE=1 forbids fetching a model")
    fetch_into(folder, f"facebook/mms-tts-{code}", hub, needed=_NEEDED, unused=[])
    check_whole(folder)


if __name__ == "__main__":
    sys.exit(main())
