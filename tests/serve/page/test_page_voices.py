"""Cloning: a clip from a file or the microphone, measured, tried, saved, used, deleted."""

import re

import pytest
from playwright.sync_api import expect
from test_page_access import violations

from voices.catalogue import BUILTIN_FOLDER

CLIP = BUILTIN_FOLDER / "anna" / "reference.flac"
WORDS = "Good morning, my name is Anna."


@pytest.fixture
def name(request, embedded):
    """A name that no other test uses; whatever is registered under it is deleted."""
    name = f"Page {request.node.name}"[:40].translate(str.maketrans("[]_", "   ")).strip()
    yield name
    for voice in embedded.get("/v1/audio/voices").json()["data"]:
        if voice["name"] in (name, f"Old {name}"):
            embedded.delete(f"/v1/audio/voices/{voice['id']}")


def save(page, name):
    page.locator("#clip-name").fill(name)
    page.locator("#clip-consent").check()
    page.locator("#clip-save").click()
    expect(page.locator("#status")).to_have_text(f"{name} is saved and chosen.")


def speak(page, count=1):
    page.locator("#text").fill("I follow your pitch.")
    page.locator("#speak").click()
    expect(page.locator("#history li")).to_have_count(count)


def delete(page, name):
    page.get_by_role("button", name=f"Delete {name}").click()
    page.locator("#delete-dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#status")).to_have_text(f"{name} is deleted.")
    expect(page.locator("#voices")).not_to_contain_text(name)


def test_a_voice_from_a_file(page, name):
    page.locator("#clip-file").set_input_files(CLIP)
    expect(page.locator("#report dl")).to_contain_text("Speech above noise")
    expect(page.locator("#report .verdict")).to_be_visible()
    page.locator("#clip-transcript").fill(WORDS)
    page.locator("#clip-language").select_option("en")
    save(page, name)
    expect(page.locator("#clip")).to_be_hidden()
    expect(page.locator("#voice option:checked")).to_have_text(name)
    speak(page)
    expect(page.locator("#spoken-by")).to_contain_text(f"{name} · spoken by piper")
    page.reload()
    page.locator("html[data-ready]").wait_for()
    expect(page.locator("#voices li").first).to_contain_text(name)
    delete(page, name)


def test_a_voice_gets_another_name_by_keyboard_alone(page, name, embedded):
    page.locator("#clip-file").set_input_files(CLIP)
    save(page, f"Old {name}")
    before = page.locator("#voice").input_value()
    rename = page.get_by_role("button", name=f"Rename Old {name}")
    rename.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#rename-name")).to_be_focused()
    assert not violations(page)
    page.keyboard.type("anna")
    page.keyboard.press("Enter")
    expect(page.locator("#clip-notice-text")).to_contain_text("choose another name")
    expect(rename).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#voices")).to_contain_text(f"Old {name}")
    rename.focus()
    page.keyboard.press("Enter")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text(f"Old {name} is now called {name}.")
    expect(page.get_by_role("button", name=f"Rename {name}")).to_be_focused()
    assert page.locator("#voice").input_value() == before
    expect(page.locator("#voice option:checked")).to_have_text(name)
    assert embedded.get(f"/v1/audio/voices/{before}").json()["name"] == name
    delete(page, name)


def test_a_voice_from_the_microphone(page, name):
    page.locator("#record").click()
    expect(page.locator("#prompt-text")).not_to_be_empty()
    expect(page.locator("#record-label")).to_have_text(re.compile(r"\((3|4|5|6|7|8|9)\d? s\)"))
    page.locator("#record").click()
    expect(page.locator("#clip-transcript")).not_to_have_value("")
    expect(page.locator("#report dl")).to_contain_text("Length")
    save(page, name)
    speak(page)
    delete(page, name)


def test_a_dropped_clip_is_tried_without_being_saved(page):
    page.locator("#drop").evaluate(
        """async (place, bytes) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([new Uint8Array(bytes)], "clip.flac"));
          place.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true}));
        }""",
        list(CLIP.read_bytes()),
    )
    page.locator("#text").fill("I follow your pitch.")
    page.locator("#clip-try").click()
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#spoken-by")).to_contain_text("follows only the pitch")
    page.locator("#clip-discard").click()
    expect(page.locator("#voice option")).not_to_contain_text(["not saved"])


def test_a_bad_clip_is_told_what_to_do(page, make_clip):
    clip = make_clip("wav", seconds=1.5)
    page.locator("#clip-file").set_input_files(
        {"name": "short.wav", "mimeType": "audio/wav", "buffer": clip}
    )
    expect(page.locator("#report .verdict")).to_contain_text("It is short")


def test_what_cannot_be_saved(page, name):
    page.locator("#clip-file").set_input_files(CLIP)
    notice = page.locator("#clip-notice-text")
    page.locator("#clip-save").click()
    expect(notice).to_contain_text("a name")
    expect(page.locator("#clip-name")).to_be_focused()
    page.locator("#clip-name").fill("anna")
    page.locator("#clip-save").click()
    expect(notice).to_contain_text("people who have agreed")
    page.locator("#clip-consent").check()
    page.locator("#clip-save").click()
    expect(notice).to_contain_text("choose another name")


def test_a_voice_that_somebody_else_deleted(page, embedded, name):
    page.locator("#clip-file").set_input_files(CLIP)
    save(page, name)
    (voice,) = [v for v in embedded.get("/v1/audio/voices").json()["data"] if v["name"] == name]
    embedded.delete(f"/v1/audio/voices/{voice['id']}")
    page.locator("#text").fill("Hello.")
    page.locator("#speak").click()
    expect(page.locator("#notice-text")).to_contain_text("choose another one")
