"""By keyboard, with a screen reader, on a phone, in every language and light."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

LANGUAGES = {"en": "en", "zh": "zh-Hans", "ms": "ms"}
DIALOGS = ("key-dialog", "copy-dialog")


def fill_with_life(page, make_clip):
    """Everything that the page can show, open at once."""
    page.locator("#more > summary").click()
    page.locator("#text").fill("Hello there.")
    page.locator("#speak").click()
    expect(page.locator("#history li")).to_have_count(1)
    page.locator("#clip-file").set_input_files(
        {"name": "clip.wav", "mimeType": "audio/wav", "buffer": make_clip("wav", seconds=3)}
    )
    page.locator("#text").fill("... !")
    page.locator("#speak").click()
    expect(page.locator("#notice")).to_be_visible()


def violations(page):
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize(
    ("language", "theme"), [("en", "light"), ("en", "dark"), ("zh", "dark"), ("ms", "light")]
)
def test_axe_finds_nothing(open_page, make_clip, language, theme):
    page = open_page(color_scheme=theme)
    page.locator("#interface-language").select_option(language)
    fill_with_life(page, make_clip)
    assert not violations(page)
    for dialog in DIALOGS:
        page.evaluate("id => document.getElementById(id).showModal()", dialog)
        assert not violations(page), dialog
        page.keyboard.press("Escape")


def test_a_phone_shows_all_of_it_without_scrolling_sideways(open_page, make_clip):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    fill_with_life(page, make_clip)
    for language, tag in LANGUAGES.items():
        page.locator("#interface-language").select_option(language)
        expect(page.locator("html")).to_have_attribute("lang", tag)
        assert_it_fits(page)


def assert_it_fits(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    too_wide = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *")]
          .filter((e) => e.offsetParent && e.getBoundingClientRect().right > 361)
          .map((e) => e.outerHTML)"""
    )
    assert not too_wide
    too_small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, a.button")]
          .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 40)
          .map((e) => e.outerHTML)"""
    )
    assert not too_small


def test_the_language_is_the_browsers_then_the_chosen_one(open_page):
    page = open_page(locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    expect(page.locator("#speak")).to_contain_text("朗读")
    page.locator("#interface-language").select_option("ms")
    expect(page.locator("#speak")).to_contain_text("Baca")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ms")
    expect(page.locator("#interface-language")).to_have_value("ms")


def test_light_and_dark_by_the_system_or_by_choice(open_page):
    page = open_page(color_scheme="dark")

    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = paper()
    page.locator("#theme").select_option("light")
    assert paper() != dark
    page.reload()
    page.locator("html[data-ready]").wait_for()
    assert paper() != dark
    page.locator("#theme").select_option("auto")
    assert paper() == dark


def tab_to(page, selector, most=60):
    for _ in range(most):
        if page.evaluate("s => document.activeElement?.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not lead to {selector}")


def test_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("Only by keyboard.")
    tab_to(page, "#voice")
    page.keyboard.type("siti")
    tab_to(page, "#more > summary")
    page.keyboard.press("Enter")
    tab_to(page, "#speed")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#speed-value")).to_have_text("1.05×")
    tab_to(page, "#speak")
    page.keyboard.press("Space")
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#status")).to_contain_text("Done")
    tab_to(page, "#toggle")
    expect(page.locator("#toggle")).to_have_accessible_name("Play")
    page.keyboard.press("Enter")
    page.wait_for_function("() => loudness() > 0.05", polling=50)
    tab_to(page, "#history button")
    tab_to(page, "#clip-file")
    tab_to(page, "#record")


def test_shortcuts(page):
    page.locator("#text").fill("This sentence is one of very many. " * 140)
    page.keyboard.press("Control+Enter")
    page.locator("#player[data-state=streaming]").wait_for()
    page.keyboard.press("Escape")
    page.locator("#player[data-state=stopped]").wait_for()
    expect(page.locator("#status")).to_have_text("Stopped.")
