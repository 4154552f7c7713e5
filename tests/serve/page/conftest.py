"""The page in a real Chromium, against the real service with the embedded voice.

Playwright's loop lives in this thread while it runs, and asyncio allows one to a thread: so a
browser lives as long as one file of tests, and never into the tests of another folder.
"""

import subprocess

import pytest
from browser import EARS, FLAGS, find_chromium
from playwright.sync_api import expect, sync_playwright

from voices.catalogue import BUILTIN_FOLDER

TIMEOUT_MS = 60_000
"""Generous: the machine may be busy."""

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def microphone(ffmpeg, tmp_path_factory):
    """What the fake microphone hears: a person speaking."""
    file = tmp_path_factory.mktemp("microphone") / "speech.wav"
    clip = BUILTIN_FOLDER / "anna" / "reference.flac"
    command = [ffmpeg, "-v", "error", "-i", clip, "-ar", "48000", "-c:a", "pcm_s16le", file]
    subprocess.run(command, check=True)
    return file


@pytest.fixture(scope="module")
def chromium(microphone):
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            pytest.skip("no Chromium here: the page is not tested (see docs/page.md)")
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, cluster):
    """Open the page: ``open_page(prefix="/tone", **context)``."""
    yield from opener(chromium, cluster.use("speech.yaml"))


@pytest.fixture
def open_guarded_page(chromium, cluster, admin):
    """Open the page of the service that asks for keys."""
    yield from opener(chromium, cluster.use("guarded.yaml"))


def opener(chromium, url):
    """Whatever a test does with a page, it may call no other host and break nothing."""
    contexts, asked, broken = [], [], []

    def run(prefix="", **options):
        context = chromium.new_context(**{"locale": "en-GB", "reduced_motion": "reduce"} | options)
        context.set_default_timeout(TIMEOUT_MS)
        context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"], origin=url)
        context.add_init_script(EARS)
        context.on("request", lambda request: asked.append(request.url))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("console", lambda message: broken.extend(faults(message)))
        page.goto(f"{url}{prefix}/")
        page.locator("html[data-ready]").wait_for()
        return page

    yield run
    for context in contexts:
        context.close()
    assert not [other for other in asked if not other.startswith((f"{url}/", f"blob:{url}/"))]
    assert not broken


def faults(message):
    """What the browser complains of, but for answers that are refusals, and its sound card.

    A machine without one tells so when the page is closed in the middle of a sound.
    """
    is_expected = message.text.startswith(("Failed to load resource", "The AudioContext encounter"))
    return [message.text] if message.type == "error" and not is_expected else []


@pytest.fixture
def page(open_page):
    return open_page()
