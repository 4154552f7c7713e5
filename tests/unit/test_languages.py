import pytest

from engines.languages import normalize_language


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("en", "en"), ("EN", "en"), ("en-US", "en"), ("en_GB", "en"), ("eng", "en"),
        ("zlm", "ms"), ("msa", "ms"), ("ms-MY", "ms"), ("zh-Hans-CN", "zh"), ("yor", "yo"),
        ("swh", "sw"), ("ger", "de"), ("fil", "tl"), ("hak", "hak"), ("zh-HK", "yue"),
        ("yue", "yue"),
    ],
)  # fmt: skip
def test_each_language_has_one_code(code, language):
    assert normalize_language(code) == language
