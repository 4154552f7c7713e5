"""``cosyvoice-mms say``: speak a text, into a file or aloud."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from audio.formats import AudioFormat
from audio.wav import state_length
from commands.errors import CommandError
from commands.parsers import DEFAULT_PROFILE, add_service
from commands.service import Service

_COSYVOICE = "cosyvoice"
_MMS = "mms"
_OPEN_CHOICE = "/v1/audio/speech"
"""The endpoint that leaves the engine to the text's language."""
_LONG_CHARACTERS = 200
"""From here on a text takes long enough that a person wants to see progress."""
_PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-i", "pipe:0"),
    ("aplay", "-q", "-"),
    ("paplay", "/dev/stdin"),
)


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("text", help="what to say; - reads it from standard input")
    parser.add_argument("-o", "--output", type=Path, help="file to write; without it, play")
    parser.add_argument("--voice", help="a registered voice by name or id")
    parser.add_argument("--engine", choices=[_COSYVOICE, _MMS], help="by default by the language")
    parser.add_argument("--language", help="ISO 639 code of the text's language")
    parser.add_argument("--speed", type=float, help="1 is natural")
    parser.add_argument("--format", type=AudioFormat, help="by default by the file's name")
    parser.add_argument("--instruction", help="how to speak, in words")
    parser.add_argument("--reference", type=Path, help="a clip of the voice to speak with")
    parser.add_argument("--reference-text", help="what is said in the clip")
    parser.add_argument("--seed", type=int, help="makes it repeatable")
    parser.add_argument(
        "--local", type=Path, nargs="?", const=DEFAULT_PROFILE, metavar="PROFILE",
        help="speak in this process, with the engine of a profile, instead of asking a service",
    )  # fmt: skip
    add_service(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Speak."""
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    if not text.strip():
        raise CommandError("there is nothing to say")
    audio_format = arguments.format or _format_of(arguments.output)
    if arguments.local:
        from commands.local_speech import speak_locally  # takes the engine's packages

        pieces = speak_locally(arguments.local, text, arguments, audio_format)
    else:
        pieces = _ask(arguments, text, audio_format)
    with _sink(arguments.output) as sink:
        for piece in _shown(pieces, is_long=len(text) >= _LONG_CHARACTERS):
            sink.write(piece)
    if audio_format is AudioFormat.WAV and arguments.output and arguments.output.is_file():
        state_length(arguments.output)  # a stream begins before its length is known
    return 0


def _format_of(output: Path | None) -> AudioFormat:
    """The format that a file's name asks for; WAV for players."""
    if output is None:
        return AudioFormat.WAV
    suffix = output.suffix.removeprefix(".").lower()
    known = {"ogg": AudioFormat.OPUS, **{each.value: each for each in AudioFormat}}
    if suffix not in known:
        raise CommandError(f"{output}: name it *.{', *.'.join(known)}, or say --format")
    return known[suffix]


def _ask(arguments: argparse.Namespace, text: str, audio_format: AudioFormat) -> Iterator[bytes]:
    path, fields = _request(arguments, text, audio_format)
    files = {"reference_audio": _read(arguments.reference)} if arguments.reference else None
    with (
        Service(arguments.url, arguments.key) as service,
        service.stream(path, data=fields, files=files) as response,
    ):
        yield from response.iter_raw()


def _request(
    arguments: argparse.Namespace, text: str, audio_format: AudioFormat
) -> tuple[str, dict[str, Any]]:
    """The endpoint that fits, and its fields."""
    common = {
        name: str(value)
        for name in ("speed", "seed", "language")
        if (value := getattr(arguments, name)) is not None
    } | {"stream": "true"}
    if arguments.engine is None and arguments.reference is None:
        return _OPEN_CHOICE, common | _openai_fields(arguments, text, audio_format)
    fields = common | {"text": text, "format": audio_format.value}
    if arguments.reference:
        words = arguments.reference_text
        mode = "zero_shot" if words else "cross_lingual"
        return f"/v1/model/{_COSYVOICE}/{mode}", fields | (
            {"reference_text": words} if words else {}
        )
    if arguments.engine == _MMS:
        return f"/v1/model/{_MMS}/tts", fields
    if arguments.voice:
        fields["voice_type"] = arguments.voice
    if arguments.instruction:
        return f"/v1/model/{_COSYVOICE}/instruct", fields | {"instruction": arguments.instruction}
    return f"/v1/model/{_COSYVOICE}/tts", fields


def _openai_fields(
    arguments: argparse.Namespace, text: str, audio_format: AudioFormat
) -> dict[str, str]:
    fields = {"model": "tts-1", "input": text, "response_format": audio_format.value}
    if arguments.voice:
        fields["voice"] = arguments.voice
    if arguments.instruction:
        fields["instructions"] = arguments.instruction
    return fields


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error


def _shown(pieces: Iterator[bytes], *, is_long: bool) -> Iterator[bytes]:
    with tqdm(unit="B", unit_scale=True, desc="speech", disable=not is_long) as progress:
        for piece in pieces:
            progress.update(len(piece))
            yield piece


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    """The file, removed again if it does not become whole; or a player's standard input."""
    if output is None:
        with _player() as player:
            yield player
        return
    try:
        with output.open("wb") as file:
            yield file
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}") from error
    except CommandError:
        output.unlink(missing_ok=True)
        raise


@contextmanager
def _player() -> Iterator[IO[bytes]]:
    command = next((each for each in _PLAYERS if shutil.which(each[0])), None)
    if command is None:
        names = ", ".join(each[0] for each in _PLAYERS)
        raise CommandError(f"nothing here can play ({names}); name a file with -o")
    player = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        assert player.stdin is not None  # noqa: S101  asked for above
        yield player.stdin
        player.stdin.close()
    except BrokenPipeError as error:
        raise CommandError(f"{command[0]} stopped playing") from error
    finally:
        status = player.wait()
    if status:
        raise CommandError(f"{command[0]} could not play (status {status})")
