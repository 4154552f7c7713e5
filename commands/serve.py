"""``cosyvoice-mms serve``: run the service on this machine."""

import argparse
from dataclasses import replace

from commands.errors import CommandError
from commands.parsers import add_profile
from configs.environment import read_environment
from serve_app.__main__ import run as run_service
from serve_app.local_service import StartError
from serve_app.profile import ProfileError


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_profile(parser)
    parser.add_argument("--port", type=int, help="HTTP port, in place of PORT and the profile's")
    parser.add_argument("--no-dashboard", action="store_true", help="start without Ray's dashboard")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the service."""
    environment = read_environment()
    if arguments.port is not None:
        environment = replace(environment, port=arguments.port)
    try:
        run_service(arguments.profile, environment, dashboard=not arguments.no_dashboard)
    except (ProfileError, StartError) as error:
        raise CommandError(str(error)) from error
    return 0
