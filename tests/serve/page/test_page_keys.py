"""The page of a service that asks for keys: what it really refuses, and how one goes on."""

import pytest
from loopback import suspended_accounts
from playwright.sync_api import expect
from test_page_refuses import TTS, speak, told

from access.keys import Scope

KEY_TERMS = {
    "page-voices": (Scope.VOICES, {}),
    "page-minute": (Scope.SPEAK, {"requests_per_minute": 2}),
    "page-counted": (Scope.SPEAK, {"requests_per_minute": 1_000}),
}


@pytest.fixture
def with_key(open_guarded_page):
    """Open the page and give it a key."""

    def run(key):
        page = open_guarded_page()
        page.locator("#key-open").click()
        enter(page, key)
        return page

    return run


def enter(page, key):
    page.locator("#key").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("#key-open")).to_have_text("API key ✓")


def spoken(page, text="chunks=2"):
    speak(page, text)
    page.locator("#player:is([data-state=done], [data-state=failed])").wait_for()


def test_who_has_no_key_is_asked_for_one_and_goes_on_with_it(open_guarded_page, admin):
    page = open_guarded_page()
    told(page, "wants an API key")
    speak(page, "chunks=2")
    expect(page.locator("#key-dialog")).to_be_visible()
    enter(page, admin)
    with page.expect_request(TTS) as request:
        speak(page, "chunks=2")
    assert request.value.headers["authorization"] == f"Bearer {admin}"
    page.locator("#player[data-state=done]").wait_for()
    expect(page.locator("#voice")).to_contain_text("anna")
    assert admin not in page.evaluate("Object.values(localStorage).join()")
    page.reload()
    expect(page.locator("#key-open")).to_have_text("API key ✓")
    page.locator("#key-open").click()
    page.locator("#key-forget").click()
    expect(page.locator("#key-open")).to_have_text("API key")


def test_a_wrong_key_is_asked_for_again(with_key):
    page = with_key("tts_wrong")
    speak(page, "chunks=1")
    told(page, "wants an API key", "not valid")
    expect(page.locator("#key-dialog")).to_be_visible()


def test_a_key_that_may_not_speak(with_key, secrets):
    page = with_key(secrets["page-voices"])
    speak(page, "chunks=1")
    told(page, "does not allow this: use another one", "scope speak")


def test_a_key_that_has_spoken_enough(with_key, secrets):
    page = with_key(secrets["page-minute"])
    for _ in range(3):
        spoken(page)
    told(page, "your limit is reached: try again in", "2 requests per minute")


def test_a_service_that_cannot_tell_what_a_key_has_used(with_key, secrets):
    page = with_key(secrets["page-counted"])
    with suspended_accounts():
        speak(page, "chunks=1")
        told(page, "not available right now: try again in 2 s", "cannot be checked")
    spoken(page)
    expect(page.locator("#player")).to_have_attribute("data-state", "done")
