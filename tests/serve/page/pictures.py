"""Takes the pictures in docs/pictures from the running service: ``make pictures``."""

import pytest
from playwright.sync_api import expect

from configs.environment import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs/pictures"
TEXT = "Good morning. Tell me what you would like to hear, and I will say it for you."
MOST_BYTES = 150_000
DESK = {"width": 1180, "height": 900}
PHONE = {"width": 360, "height": 760}


@pytest.mark.parametrize(
    ("name", "language", "theme", "viewport"),
    [
        ("page", "en", "light", DESK),
        ("page-dark", "zh", "dark", DESK),
        ("page-phone", "ms", "light", PHONE),
    ],
)
def test_take(open_page, name, language, theme, viewport):
    page = open_page(viewport=viewport, color_scheme=theme)
    page.locator("#interface-language").select_option(language)
    page.locator("#text").fill(TEXT)
    page.locator("#speak").click()
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#time")).not_to_have_text("0:00")
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    assert file.stat().st_size < MOST_BYTES
