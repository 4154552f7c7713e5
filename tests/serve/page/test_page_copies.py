"""The request as curl and Python: what is copied is run, and speaks."""

import subprocess
import sys

import pytest
from playwright.sync_api import expect

TEXT = 'It\'s a "quoted" text, with $HOME and\ntwo lines.'


def copied(page, button):
    page.locator("#text").fill(TEXT)
    page.locator(button).click()
    expect(page.locator("#status")).to_have_text("Copied.")
    return page.evaluate("navigator.clipboard.readText()")


def with_a_clip(page, make_clip):
    clip = make_clip("wav", seconds=2)
    page.locator("#clip-file").set_input_files(
        {"name": "me & you.wav", "mimeType": "audio/wav", "buffer": clip}
    )
    page.locator("#voice").select_option("unsaved-clip")
    return clip


def run_curl(command, folder):
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, timeout=60)


def run_python(script, folder):
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=60)


TOOLS = [("#copy-curl", run_curl), ("#copy-python", run_python)]


@pytest.mark.parametrize(
    ("button", "run", "channel"), [(*TOOLS[0], "mp3"), (*TOOLS[1], "pcm")], ids=["curl", "python"]
)
def test_what_is_copied_speaks(page, decode, assert_is_speech, tmp_path, button, run, channel):
    page.locator("#more > summary").click()
    page.locator("#playback").select_option(channel)
    page.locator("#speed").fill("1.2")
    run(copied(page, button), tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name == {"mp3": "speech.mp3", "pcm": "speech.wav"}[channel]
    assert_is_speech(decode(file.read_bytes()), min_s=1.5, max_s=6.0)


@pytest.mark.parametrize(("button", "run"), TOOLS, ids=["curl", "python"])
def test_with_a_clip(page, make_clip, decode, assert_is_speech, tmp_path, button, run):
    (tmp_path / "me & you.wav").write_bytes(with_a_clip(page, make_clip))
    run(copied(page, button), tmp_path)
    assert_is_speech(decode((tmp_path / "speech.mp3").read_bytes()), min_s=1.5, max_s=6.0)


def test_a_key_is_named_and_not_shown(page):
    page.locator("#key-open").click()
    page.locator("#key").fill("secret-key")
    page.keyboard.press("Enter")
    for button, _ in TOOLS:
        text = copied(page, button)
        assert "TTS_API_KEY" in text
        assert "secret-key" not in text


def test_without_a_clipboard_it_is_shown(page):
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error('no')); }")
    page.locator("#text").fill(TEXT)
    page.locator("#copy-curl").click()
    expect(page.locator("#copy-dialog")).to_be_visible()
    expect(page.locator("#copy-text")).to_be_focused()
    assert page.locator("#copy-text").input_value().startswith("curl ")
