"""``cosyvoice-mms COMMAND ...``: status 0 is done, 1 could not be done, 2 was not understood."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from commands.errors import CommandError
from configs.environment import EnvironmentVariableError
from engines.errors import EngineLoadError

_COMMANDS = {
    "serve": "run the service here until Ctrl-C",
    "say": "speak a text, into a file or aloud",
    "voices": "list, add, rename, remove and check voices",
    "models": "list, download and verify models",
    "keys": "add, list and revoke API keys",
    "bench": "measure a running service",
    "doctor": "check this machine, and say what to do",
}
"""Each is a module of this package. Only the one that is asked for is imported: Ray and torch take
seconds, and ``keys list`` needs neither."""
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (by default those of the process) name."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="cosyvoice-mms", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    try:
        for name, text in _COMMANDS.items():
            command = commands.add_parser(name, help=text, description=text)
            if words and words[0] == name:
                import_module(f"commands.{name}").fill(command)
        chosen = parser.parse_args(words)
        return int(chosen.run(chosen))
    except (CommandError, EngineLoadError, EnvironmentVariableError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
