"""``cosyvoice-mms voices``: the registered voices of a running service."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.errors import CommandError
from commands.parsers import add_json, add_service
from commands.service import Service

if TYPE_CHECKING:
    from commands.parsers import Commands

_PATH = "/v1/audio/voices"


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parts = parser.add_subparsers(metavar="ACTION", required=True)
    _part(parts, "list", "list all voices", _list)
    add = _part(parts, "add", "register a voice", _add)
    add.add_argument("name")
    add.add_argument("clip", type=Path, help="an audio file of 3 to 30 s")
    add.add_argument("--text", help="what is said in it")
    add.add_argument("--language", help="ISO 639 code of what is said")
    add.add_argument("--consent", help="who agreed to this voice being used, and how")
    check = _part(parts, "check", "measure a clip without keeping it", _check)
    check.add_argument("clip", type=Path)
    rename = _part(parts, "rename", "rename a voice", _rename)
    rename.add_argument("voice", help="name or id")
    rename.add_argument("name", help="the new name")
    remove = _part(parts, "rm", "remove a voice", _remove)
    remove.add_argument("voice", help="name or id")


def _part(parts: "Commands", name: str, text: str, action: Any) -> argparse.ArgumentParser:
    parser = parts.add_parser(name, help=text)
    add_service(parser)
    add_json(parser)

    def run(arguments: argparse.Namespace) -> int:
        with Service(arguments.url, arguments.key) as service:
            answer, words = action(service, arguments)
        print(json.dumps(answer, ensure_ascii=False) if arguments.json else words)
        return 0

    parser.set_defaults(run=run)
    return parser


def _list(service: Service, _: argparse.Namespace) -> tuple[Any, str]:
    voices = service.ask("GET", _PATH)["data"]
    return voices, "\n".join(map(_line, voices))


def _add(service: Service, arguments: argparse.Namespace) -> tuple[Any, str]:
    fields = {
        "name": arguments.name,
        "ref_text": arguments.text,
        "language": arguments.language,
        "consent": arguments.consent,
    }
    voice = service.ask(
        "POST", _PATH,
        data={name: value for name, value in fields.items() if value},
        files={"audio_sample": (arguments.clip.name, _read(arguments.clip))},
    )  # fmt: skip
    return voice, "\n".join([_line(voice), *_warnings(voice)])


def _check(service: Service, arguments: argparse.Namespace) -> tuple[Any, str]:
    clip = arguments.clip
    report = service.ask("POST", f"{_PATH}/check", files={"audio_sample": (clip.name, _read(clip))})
    measures = [f"{name}: {value}" for name, value in report["quality"].items()]
    return report, "\n".join([*measures, *(_warnings(report) or ["nothing to complain of"])])


def _rename(service: Service, arguments: argparse.Namespace) -> tuple[Any, str]:
    path = f"{_PATH}/{_id_of(service, arguments.voice)}"
    voice = service.ask("PATCH", path, json={"name": arguments.name})
    return voice, _line(voice)


def _remove(service: Service, arguments: argparse.Namespace) -> tuple[Any, str]:
    answer = service.ask("DELETE", f"{_PATH}/{_id_of(service, arguments.voice)}")
    return answer, f"{arguments.voice} is gone"


def _id_of(service: Service, voice: str) -> str:
    for each in service.ask("GET", _PATH)["data"]:
        if voice in (each["id"], each["name"]):
            return str(each["id"])
    raise CommandError(f"there is no voice {voice!r}; cosyvoice-mms voices list shows them")


def _line(voice: dict[str, Any]) -> str:
    kind = "built in" if voice["builtin"] else f"of {voice['owner']}"
    return f"{voice['name']:<24} {voice['id']:<40} {voice['language'] or '-':<4} {kind}"


def _warnings(answer: dict[str, Any]) -> list[str]:
    return [f"warning: {each['message']}" for each in answer["warnings"]]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
