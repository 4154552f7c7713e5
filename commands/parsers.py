"""What several commands take."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from configs.environment import PROJECT_ROOT, read_environment

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_PROFILE = PROJECT_ROOT / "configs/embedded.yaml"
DEFAULT_URL = "http://127.0.0.1:8000"


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Take a profile, the embedded one by default."""
    parser.add_argument(
        "profile", type=Path, nargs="?", default=DEFAULT_PROFILE,
        help="a Serve config; by default the embedded voice's",
    )  # fmt: skip


def add_service(parser: argparse.ArgumentParser) -> None:
    """Take what is needed to reach a running service."""
    environment = read_environment()
    parser.add_argument(
        "--url", default=environment.service_url or DEFAULT_URL,
        help="of the running service (TTS_URL; default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--key", default=environment.api_key, help="API key (better: TTS_API_KEY, which ps hides)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Take ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
