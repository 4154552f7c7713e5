"""``cosyvoice-mms keys``: who may use the service."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from access.errors import DuplicateKeyError, KeyFileError, UnknownKeyError
from access.key_file import KeyFile
from access.keys import ApiKey, KeyLimits, Scope
from commands.errors import CommandError
from commands.parsers import add_json
from configs.app import Auth
from configs.environment import resolve_path

_DEFAULT_FILE = Auth().keys_file


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parts = parser.add_subparsers(metavar="ACTION", required=True)
    add = parts.add_parser("add", help="make a key and show it, once")
    add.add_argument("name", help="what logs, metrics and voices call its holder")
    add.add_argument(
        "--scope", action="append", type=Scope, choices=list(Scope), help="speak by default"
    )
    add.add_argument("--requests-per-minute", type=int)
    add.add_argument("--characters-per-day", type=int)
    add.add_argument("--audio-seconds-per-day", type=float)
    add.add_argument("--concurrency", type=int)
    add.set_defaults(run=_add)
    listing = parts.add_parser("list", help="list the keys, without the keys themselves")
    listing.set_defaults(run=_list)
    add_json(listing)
    revoke = parts.add_parser("revoke", help="take a key away, within two seconds")
    revoke.add_argument("name")
    revoke.set_defaults(run=_revoke)
    for part in (add, listing, revoke):
        part.add_argument("--file", type=Path, default=_DEFAULT_FILE, help="default: %(default)s")


def _file(arguments: argparse.Namespace) -> KeyFile:
    return KeyFile(resolve_path(arguments.file))


def _add(arguments: argparse.Namespace) -> int:
    try:
        limits = KeyLimits(**{name: getattr(arguments, name) for name in KeyLimits.model_fields})
        secret = _file(arguments).add(arguments.name, arguments.scope or [Scope.SPEAK], limits)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise CommandError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    except (DuplicateKeyError, KeyFileError) as error:
        raise CommandError(str(error)) from error
    print(secret)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    try:
        keys = _file(arguments).read()
    except KeyFileError as error:
        raise CommandError(str(error)) from error
    if arguments.json:
        print(json.dumps([key.model_dump(mode="json", exclude={"sha256"}) for key in keys]))
    else:
        print("\n".join(map(_line, keys)) or "no keys; cosyvoice-mms keys add NAME makes one")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    try:
        _file(arguments).revoke(arguments.name)
    except (KeyFileError, UnknownKeyError) as error:
        raise CommandError(str(error)) from error
    print(f"{arguments.name} is revoked")
    return 0


def _line(key: ApiKey) -> str:
    created = datetime.fromtimestamp(key.created, UTC).date()
    limits = [f"{name}={value}" for name, value in key.limits.model_dump(exclude_none=True).items()]
    return f"{key.name:<24} {','.join(sorted(key.scopes)):<20} {created} {' '.join(limits)}"
