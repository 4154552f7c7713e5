"""``cosyvoice-mms bench``: what serving costs beside the engine alone."""

import argparse

from commands.parsers import add_service


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_service(parser)
    parser.add_argument("--concurrency", default="1,4", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, with an engine of this process in turns with the service."""
    from bench.serving import measure  # takes aiohttp and the embedded voice

    measure(
        arguments.url,
        [int(level) for level in arguments.concurrency.split(",")],
        as_json=arguments.json,
        key=arguments.key,
    )
    return 0
