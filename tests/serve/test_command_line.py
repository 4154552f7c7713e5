"""The command line against a running service."""

import wave

import pytest
from loopback import wait_until

from commands.main import main

SENTENCE = "The children are playing in the garden."


@pytest.fixture
def say(cluster, tmp_path, capsys):
    url = cluster.use("speech.yaml")

    def run(text, *arguments, name="speech.mp3"):
        file = tmp_path / name
        status = main(["say", text, "-o", str(file), "--url", url, *arguments])
        return status, file, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("speech.mp3", ()),
        ("speech.wav", ("--voice", "anna", "--speed", "1.2")),
        ("speech.ogg", ("--language", "en", "--engine", "mms")),
    ],
)
def test_say_writes_speech(say, decode, assert_is_speech, recognise, name, arguments):
    status, file, _ = say(SENTENCE, *arguments, name=name)
    assert status == 0
    samples = decode(file.read_bytes())
    assert_is_speech(samples, min_s=1.0, max_s=4.0)
    assert {"children", "garden"} & set(recognise(samples))
    if file.suffix == ".wav":
        with wave.open(str(file)) as wav:
            assert wav.getnframes() == len(samples)


def test_say_leaves_the_engine_to_the_language(say, decode, assert_is_speech, logged):
    before = len(logged(" mms tts "))
    status, file, _ = say("Sila tunggu sebentar, harganya RM12.50.")
    assert status == 0
    assert_is_speech(decode(file.read_bytes()), min_s=2.0, max_s=8.0)
    assert len(wait_until(lambda: logged(" mms tts ")[before:])) == 1


def test_say_with_a_clip(say, make_clip, tmp_path, decode, assert_is_speech):
    clip = tmp_path / "clip.wav"
    buzz = ("-af", "aeval=tanh(8*val(0)),lowpass=4000,volume=0.4")
    clip.write_bytes(make_clip("wav", frequency_hz=150, options=buzz))
    status, file, _ = say(SENTENCE, "--reference", str(clip))
    assert status == 0
    assert_is_speech(decode(file.read_bytes()), min_s=1.0, max_s=4.0)


def test_progress_is_shown_on_a_long_text(say):
    status, _, progress = say(f"{SENTENCE} " * 6)
    assert status == 0
    assert "speech" in progress


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--voice", "nobody"), "anna"),
        (("--speed", "9"), "speed"),
        (("--instruction", "Sing"), "instruct"),
    ],
)
def test_a_refusal_is_said_and_leaves_no_file(say, arguments, words):
    status, file, error = say(SENTENCE, *arguments)
    assert status == 1
    assert words in error
    assert not file.exists()
