"""Text in, sound out: heard while it is made, shown, stopped, kept."""

import re

import pytest
from loopback import wait_until
from playwright.sync_api import expect

SENTENCE = "The children are playing in the garden."
LONG = "This sentence is one of very many. " * 140
"""Minutes of speech: nobody makes it while a test hears its beginning."""
CHANNELS = ["mp3", "pcm"]


def choose(page, channel):
    page.locator("#more > summary").click()
    page.locator("#playback").select_option(channel)


def speak(page, text, channel=None):
    if channel:
        choose(page, channel)
    page.locator("#text").fill(text)
    page.locator("#speak").click()


def state(page, name):
    page.locator(f"#player[data-state={name}]").wait_for()


def clock(page):
    return page.locator("#time").text_content()


def downloaded(page, link):
    with page.expect_download() as download:
        link.click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_it_takes_mp3_where_the_browser_plays_it_while_it_comes(page):
    with page.expect_request("**/v1/model/cosyvoice/tts") as request:
        speak(page, SENTENCE)
    assert request.value.post_data_json == {"text": SENTENCE, "stream": True, "format": "mp3"}
    state(page, "done")


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_sentence_is_heard_and_can_be_kept(page, decode, assert_is_speech, recognise, channel):
    speak(page, SENTENCE, channel)
    page.wait_for_function("() => loudness() > 0.05", polling=50)
    state(page, "done")
    expect(page.locator("#toggle")).to_have_accessible_name("Play")  # it has played to its end
    assert clock(page) == page.locator("#duration").text_content() != "0:00"
    name, data = downloaded(page, page.locator("#download"))
    assert name == {"mp3": "speech.mp3", "pcm": "speech.wav"}[channel]
    samples = decode(data)
    assert_is_speech(samples, min_s=1.0, max_s=4.0)
    assert {"children", "playing", "garden"} & set(recognise(samples))


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_long_text_is_heard_while_it_is_made_and_stops_when_told(page, logged, channel):
    stopped_before = len(logged("cancelled: the client left"))
    speak(page, LONG, channel)
    page.wait_for_function(
        "() => document.querySelector('#player').dataset.state === 'streaming'"
        " && document.querySelector('#time').textContent !== '0:00' && loudness() > 0.02",
        polling=50,
    )
    assert page.locator("#first").text_content() != "–"
    page.locator("#speak").click()
    state(page, "stopped")
    expect(page.locator("#speak")).to_have_text(re.compile("Speak"))
    wait_until(lambda: len(logged("cancelled: the client left")) > stopped_before)
    page.wait_for_function("() => loudness() === 0")
    expect(page.locator("#history li")).to_have_count(1)


def test_the_figures_and_the_waveform_are_drawn(page):
    speak(page, SENTENCE)
    state(page, "done")
    expect(page.locator("#first")).to_have_text(re.compile(r"^\d+\.\d\d s$"))
    expect(page.locator("#rtf")).to_have_text(re.compile(r"^\d+\.\d\d$"))
    expect(page.locator("#length")).to_have_text(re.compile(r"^[1-3]\.\d s$"))
    expect(page.locator("#underruns")).to_have_text(re.compile(r"^\d+$"))
    expect(page.locator("#spoken-by")).to_have_text("qwen · spoken by piper")
    colours = page.locator("#waveform").evaluate(
        """canvas => {
          const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] === 255) seen.add([data[i], data[i + 1], data[i + 2]].join());
          }
          return [...seen];
        }"""
    )
    assert colours, "nothing is painted"


def test_running_dry_is_counted(open_page):
    """The fake engine gives a fifth of a second of sound every second and a half."""
    page = open_page("/tone")
    speak(page, "chunks=4 delay=1.5", "pcm")
    state(page, "done")
    expect(page.locator("#underruns")).to_have_text(re.compile(r"^[1-4]$"))
    expect(page.locator("#underruns")).to_have_class("bad")
    assert float(page.locator("#rtf").text_content()) > 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_it_can_be_paused_and_sought(page, channel):
    speak(page, " ".join([SENTENCE] * 6), channel)
    page.wait_for_function("() => document.querySelector('#time').textContent !== '0:00'")
    toggle = page.locator("#toggle")
    toggle.click()
    expect(toggle).to_have_accessible_name("Play")
    state(page, "done")
    page.locator("#position").fill("7")
    expect(page.locator("#time")).to_have_text("0:07")
    toggle.click()
    expect(page.locator("#time")).to_have_text(re.compile("0:(08|09|1.)"))
    page.locator("#position").fill("1")
    expect(page.locator("#time")).to_have_text(re.compile("0:0[1-6]"))
    expect(toggle).to_have_accessible_name("Pause")


def test_the_session_is_kept_to_hear_again_and_to_change(page):
    for text in ("One, two, three.", "Four, five, six."):
        speak(page, text)
        state(page, "done")
    rows = page.locator("#history li")
    expect(rows.locator(".name")).to_have_text(["Four, five, six.", "One, two, three."])
    expect(rows.first.locator(".hint")).to_have_text(re.compile(r"^qwen · \d\.\d s · RTF \d+\.\d"))
    rows.last.get_by_role("button", name="Play: One, two, three.").click()
    page.wait_for_function("() => loudness() > 0.05", polling=50)
    _, data = downloaded(page, rows.last.get_by_role("link"))
    assert data
    rows.last.get_by_role("button", name="Edit").click()
    expect(page.locator("#text")).to_have_value("One, two, three.")
    expect(page.locator("#text")).to_be_focused()


def test_malay_by_mms(page):
    page.locator("#engine").select_option("mms")
    expect(page.locator("#voice")).to_be_disabled()
    with page.expect_request("**/v1/model/mms/tts") as request:
        speak(page, "Selamat pagi, apa khabar?")
    assert request.value.post_data_json["language"] == "ms"
    state(page, "done")
    expect(page.locator("#spoken-by")).to_have_text("Bahasa Melayu · spoken by piper")


def test_what_is_chosen_is_what_is_asked_for(page):
    page.locator("#more > summary").click()
    page.locator("#speed").fill("1.5")
    expect(page.locator("#speed-value")).to_have_text("1.50×")
    page.locator("#seed").fill("7")
    page.locator("#language").select_option("en")
    with page.expect_request("**/v1/model/cosyvoice/tts") as request:
        speak(page, SENTENCE, None)
    asked = request.value.post_data_json
    assert (asked["speed"], asked["seed"], asked["language"]) == (1.5, 7, "en")
    state(page, "done")


def test_a_new_text_takes_the_place_of_what_is_heard(page):
    speak(page, " ".join([SENTENCE] * 6))
    state(page, "done")
    speak(page, "Something else.")
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#length")).to_have_text(re.compile(r"^[01]\.\d s$"))
