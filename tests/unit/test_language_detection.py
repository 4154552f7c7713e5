from collections import Counter

import pytest
from language_sentences import CASES, HELD_OUT_CASES

from engines.language_detection import detect_language, is_certain

UNSURE = (None, "ms", "id")
"""Malay for Indonesian and the other way round is understood; so is the engine's default."""


def test_sentences_are_told_apart():
    found = Counter(detect_language(sentence) == language for language, sentence in CASES)
    assert found[True] / len(CASES) > 0.95


def test_sentences_that_it_was_not_made_with():
    found = Counter(detect_language(sentence) == language for language, sentence in HELD_OUT_CASES)
    assert found[True] / len(HELD_OUT_CASES) > 0.85


@pytest.mark.parametrize(("language", "sentence"), CASES + HELD_OUT_CASES)
def test_it_says_nothing_rather_than_something_false(language, sentence):
    found = detect_language(sentence)
    assert found == language or found in (UNSURE if language in ("ms", "id") else (None,))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("您的订单 iPhone 15 Pro Max 已经发货了", "zh"),
        ("The sign says 出口, which means exit.", "en"),
        ("Nama restoran itu ialah 海底撈 di Kuala Lumpur.", "ms"),
        ("東京タワーは Tokyo Tower です", "ja"),
        ("街角新开的优の良品卖的零食很好吃", "zh"),
        ("BTS의 새 앨범 Proof가 나왔습니다", "ko"),
        ("สวัสดี hello", "th"),
    ],
)
def test_most_of_what_is_spoken_decides(text, language):
    assert detect_language(text) == language


@pytest.mark.parametrize("text", ["", "...", "123", "12:30", "😀"])
def test_a_text_without_letters_tells_nothing(text):
    assert detect_language(text) is None


def test_only_scripts_are_certain():
    assert is_certain("th")
    assert not is_certain("ms")


def test_a_long_text_takes_no_longer_than_its_beginning():
    assert detect_language("Selamat pagi semua. " * 100 + "Good evening. " * 100_000) == "ms"
