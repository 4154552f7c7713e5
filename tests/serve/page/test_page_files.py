"""How the page is served."""

import re

import httpx
import pytest

from serve_app.routes.page import STATIC_FOLDER

PAGE = "/static/test_stream.html"
MESSAGES = sorted(STATIC_FOLDER.glob("js/messages/*.js"))
MESSAGE = re.compile(r'^  "([^"]+)": "(.+)",$', re.MULTILINE)


@pytest.mark.parametrize("prefix", ["", "/tone"])
def test_the_front_leads_to_the_page(cluster, prefix):
    url = cluster.use("speech.yaml") + prefix
    response = httpx.get(f"{url}/", follow_redirects=True)
    assert response.url == f"{url}{PAGE}"
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (PAGE, "text/html; charset=utf-8"),
        ("/static/css/base.css", "text/css; charset=utf-8"),
        ("/static/js/main.js", "text/javascript; charset=utf-8"),
        ("/static/favicon.svg", "image/svg+xml"),
    ],
)
def test_a_file_is_asked_for_again_and_sent_once(embedded, path, media_type):
    first = embedded.get(path)
    assert first.headers["content-type"] == media_type
    assert first.headers["cache-control"] == "no-cache"
    etag = first.headers["etag"]
    for known in (etag, f'"other", W/{etag}'):
        again = embedded.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert embedded.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert embedded.head(path).headers["etag"] == etag


def test_nothing_but_its_own_code_may_run(embedded):
    policy = embedded.get(PAGE).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    html = embedded.get(PAGE).text
    assert not re.search(r"<script(?![^>]*src=)|<style| on\w+=| style=", html)


@pytest.mark.parametrize(
    "path", ["../routes/page.py", "%2e%2e/routes/page.py", "..%2froutes/page.py", "js", "", "none"]
)
def test_nothing_else_is_served(embedded, path):
    request = embedded.build_request("GET", "/static/x")
    request.url = request.url.copy_with(raw_path=f"/static/{path}".encode())
    response = embedded.send(request)
    assert response.status_code == 404
    assert "page_routes" not in response.text


def test_every_file_that_the_page_names_is_there(embedded):
    files = [path for path in STATIC_FOLDER.rglob("*") if path.is_file()]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.count("\n") <= 250, file
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), file
        for name in re.findall(r'(?:src|href|from)[= ]"([^"#:]+)', text):
            target = file.parent / name
            assert target.is_file() or name == "../docs", (file, name)
            if name != "../docs":
                path = target.resolve().relative_to(STATIC_FOLDER).as_posix()
                assert embedded.get(f"/static/{path}").status_code == 200


def test_every_language_says_everything():
    texts = {file.stem: dict(MESSAGE.findall(file.read_text("utf-8"))) for file in MESSAGES}
    assert set(texts) == {"en", "ms", "zh"}
    for language, messages in texts.items():
        assert messages.keys() == texts["en"].keys(), language
        for key, text in messages.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", texts["en"][key]))
    used = {
        key
        for file in STATIC_FOLDER.rglob("*.*")
        for key in re.findall(r'data-i18n[a-z-]*="([^"]+)"', file.read_text("utf-8"))
    }
    assert used <= texts["en"].keys()
