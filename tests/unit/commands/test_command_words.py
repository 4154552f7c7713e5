import json
from importlib.metadata import entry_points

import httpx
import pytest

from access.key_file import KeyFile
from access.keys import KeyRing
from commands.errors import CommandError
from commands.main import main
from commands.service import Service


@pytest.fixture
def said(capsys):
    """Run the command line; gives status, standard output and standard error."""

    def run(*arguments):
        try:
            status = main(arguments)
        except SystemExit as ended:  # argparse's way to refuse
            status = ended.code
        output = capsys.readouterr()
        return status, output.out, output.err

    return run


def test_help_names_every_command(said):
    status, words, _ = said("--help")
    assert status == 0
    for command in ("serve", "say", "voices", "models", "keys", "bench", "doctor"):
        assert command in words


@pytest.mark.parametrize("arguments", [(), ("sing",), ("say",), ("say", "x", "--format", "midi")])
def test_what_is_not_understood_is_status_2(said, arguments):
    assert said(*arguments)[0] == 2


def test_a_key_is_made_listed_and_revoked(said, tmp_path):
    file = str(tmp_path / "keys.json")
    status, secret, _ = said("keys", "add", "kiosk", "--scope", "speak", "--scope", "voices",
                             "--concurrency", "3", "--file", file)  # fmt: skip
    assert status == 0
    found = KeyRing(KeyFile(tmp_path / "keys.json").read()).find(secret.strip())
    assert (found.name, found.scopes, found.limits.concurrency) == ("kiosk", {"speak", "voices"}, 3)
    (listed,) = json.loads(said("keys", "list", "--json", "--file", file)[1])
    assert listed["name"] == "kiosk"
    assert "sha256" not in listed
    assert "kiosk" in said("keys", "list", "--file", file)[1]
    assert said("keys", "revoke", "kiosk", "--file", file)[0] == 0
    assert KeyFile(tmp_path / "keys.json").read() == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "kiosk"), "already"),
        (("add", "two words"), "name"),
        (("add", "x", "--concurrency", "0"), "concurrency"),
        (("revoke", "nobody"), "nobody"),
    ],
)
def test_a_key_that_cannot_be(said, tmp_path, arguments, words):
    file = str(tmp_path / "keys.json")
    said("keys", "add", "kiosk", "--file", file)
    status, _, error = said("keys", *arguments, "--file", file)
    assert status == 1
    assert words in error


def test_no_service_is_said_in_words_that_help(said, tmp_path):
    nowhere = "http://127.0.0.1:1"
    output = tmp_path / "x.mp3"
    status, _, error = said("say", "Hello", "-o", str(output), "--url", nowhere)
    assert status == 1
    assert "cosyvoice-mms serve" in error
    assert not output.exists()
    assert said("voices", "list", "--url", nowhere)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("say", "  ", "-o", "x.mp3"), "nothing to say"),
        (("say", "Hello", "-o", "x.xyz"), "--format"),
        (("say", "Hello", "-o", "x.mp3", "--reference", "nothing.wav"), "nothing.wav"),
        (("voices", "add", "me", "nothing.wav"), "nothing.wav"),
        (("models", "download", "llama", "--to", "x"), "cosyvoice2"),
        (("models", "verify", "nothing"), "not a folder"),
        (("serve", "nothing.yaml"), "nothing.yaml"),
    ],
)
def test_what_cannot_be_done_is_status_1_and_said(said, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, _, error = said(*arguments)
    assert status == 1
    assert words in error


def test_downloads_are_forbidden_offline(said, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_OFFLINE", "1")
    for model in ("cosyvoice2", "mms-eng"):
        status, _, error = said("models", "download", model, "--to", str(tmp_path / "m"))
        assert status == 1
        assert "MODELSCOPE_OFFLINE" in error


def test_without_a_player_it_says_to_name_a_file(said, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    status, _, error = said("say", "Hello", "--url", "http://127.0.0.1:1")
    assert status == 1
    assert "-o" in error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"code": "x", "message": "own words"}}, "own words"),
        ({"error": {"message": "openai", "type": "t", "param": None, "code": "c"}}, "openai"),
        ({"detail": "upstream"}, "upstream"),
        ({"success": False, "error": "cloning"}, "cloning"),
        ("plain", "plain"),
    ],
)
def test_the_sentence_is_found_in_every_familys_errors(body, words, monkeypatch):
    transport = httpx.MockTransport(
        lambda _: httpx.Response(429, json=body, headers={"Retry-After": "7"})
    )
    real = httpx.Client
    monkeypatch.setattr(
        "commands.service.httpx.Client", lambda **options: real(transport=transport, **options)
    )
    with (
        Service("http://test", None) as service,
        pytest.raises(CommandError, match=f"{words}.*7 s"),
    ):
        service.ask("GET", "/")


def test_the_command_is_installed():
    (script,) = entry_points(group="console_scripts", name="cosyvoice-mms")
    assert script.load() is main
