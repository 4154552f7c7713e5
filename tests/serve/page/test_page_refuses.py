"""Every refusal is a sentence that a person can act on, in the page's language."""

import pytest
from playwright.sync_api import expect

TTS = "**/v1/model/cosyvoice/tts"


def speak(page, text):
    page.locator("#text").fill(text)
    page.locator("#speak").click()


def told(page, sentence, detail=None, box="notice"):
    expect(page.locator(f"#{box}-text")).to_contain_text(sentence)
    if detail:
        expect(page.locator(f"#{box}-detail")).to_contain_text(detail)


def drop(page, name, data):
    page.locator("#clip-file").set_input_files(
        {"name": name, "mimeType": "audio/wav", "buffer": data}
    )


def fill_more(page, field, value):
    page.locator("#more > summary").click()
    page.locator(field).fill(value)


def test_no_text(page):
    page.locator("#speak").click()
    told(page, "type a text first")
    expect(page.locator("#text")).to_be_focused()
    assert page.locator("#text").get_attribute("aria-invalid") == "true"
    speak(page, "Now there is one.")
    expect(page.locator("#notice")).to_be_hidden()


def test_a_text_without_words(page):
    speak(page, "... !")
    told(page, "no words in this text")
    expect(page.locator("#player")).to_have_attribute("data-state", "failed")


def test_a_language_that_the_engine_does_not_speak(page):
    page.locator("#language").select_option("zh")
    speak(page, "你好")
    told(page, "choose another language or engine", "en, ms")


def test_a_manner_that_the_engine_cannot_do(page):
    fill_more(page, "#instruction", "Softly.")
    speak(page, "Hello.")
    told(page, "clear the instruction, or choose another engine")


def test_a_seed_that_is_none(page):
    fill_more(page, "#seed", "many")
    speak(page, "Hello.")
    told(page, "a whole number from 0 to 4294967295")


def test_a_text_that_is_too_long(open_page):
    page = open_page("/tone")
    speak(page, "a" * 501)
    told(page, "shorten it", "501 characters; at most 500")


def test_an_engine_that_fails(open_page):
    page = open_page("/tone")
    speak(page, "chunks=3 fail=0")
    told(page, "its log has the details")


@pytest.mark.parametrize("channel", ["mp3", "pcm"])
def test_a_stream_that_is_cut_is_not_taken_for_whole(open_page, channel):
    page = open_page("/tone")
    page.locator("#more > summary").click()
    page.locator("#playback").select_option(channel)
    speak(page, "chunks=9 delay=0.1 fail=8")
    told(page, "this take is not complete: try again")
    expect(page.locator("#player")).to_have_attribute("data-state", "failed")
    expect(page.locator("#history li")).to_have_count(1)  # what came can be heard


def test_a_service_that_is_gone(page):
    page.route(TTS, lambda route: route.abort("connectionrefused"))
    speak(page, "Hello.")
    told(page, "cannot be reached")
    page.unroute(TTS)
    speak(page, "Hello.")
    page.locator("#player[data-state=done]").wait_for()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_refusal_that_only_a_later_version_knows(page):
    body = {"error": {"code": "new_in_a_later_version", "message": "In the service's own words."}}
    page.route(TTS, lambda route: route.fulfill(status=418, json=body))
    speak(page, "Hello.")
    told(page, "see below what it says", "In the service's own words.")
    expect(page.locator("#speak")).to_contain_text("Speak")


def test_the_sentence_follows_the_language(page):
    speak(page, "... !")
    told(page, "no words in this text")
    page.locator("#interface-language").select_option("ms")
    told(page, "Tiada perkataan yang boleh dibaca")
    page.locator("#interface-language").select_option("zh")
    told(page, "没有可以朗读的词")
    expect(page.locator("#notice-detail")).to_have_attribute("lang", "en")


@pytest.mark.parametrize("data", [b"This is no recording. " * 50, b""], ids=["text", "empty"])
def test_a_file_that_is_no_clip(page, data):
    drop(page, "notes.wav", data)
    page.locator("#text").fill("Hello.")
    page.locator("#clip-try").click()
    told(page, "choose a recording such as WAV")


def test_a_clip_of_the_wrong_length(page, make_clip):
    drop(page, "short.wav", make_clip("wav", seconds=0.2))
    page.locator("#text").fill("Hello.")
    page.locator("#clip-try").click()
    told(page, "use 3 to 30 seconds", "0.2")


def test_a_clip_that_is_too_large(open_page, make_clip):
    page = open_page("/tone")
    drop(page, "large.wav", make_clip("wav", seconds=14))
    page.locator("#text").fill("Hello.")
    page.locator("#clip-try").click()
    told(page, "use a shorter clip or MP3")


def test_an_instruction_with_a_clip_that_is_not_saved(page, make_clip):
    drop(page, "clip.wav", make_clip("wav"))
    fill_more(page, "#instruction", "Softly.")
    page.locator("#text").fill("Hello.")
    page.locator("#clip-try").click()
    told(page, "save your clip first")
