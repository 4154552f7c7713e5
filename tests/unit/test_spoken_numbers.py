import pytest

from engines.spoken_numbers import _LANGUAGES, spell_out

NUMBERS = "0 7 11 21 100 101 1000 1234 2026 99999 1000000 123456789 999999999999 3.5 0.05 1,234.50"


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("en", "I have 21 cats.", "I have twenty-one cats."),
        ("id", "Ada 12 kucing, 3.5 kg.", "Ada dua belas kucing, tiga koma lima kg."),
        ("de", "Gleis 7", "Gleis sieben"),
        ("th", "มี 3 แมว", "มี สาม แมว"),
        ("ms", "RM12.50", "dua belas ringgit lima puluh sen"),
        ("yo", "12", "12"),
        ("en", "1" * 16, "1" * 16),
    ],
)
def test_numbers_in_words(language, text, spoken):
    assert spell_out(text, language) == spoken


@pytest.mark.parametrize("language", sorted(_LANGUAGES))
def test_no_digit_is_left(language):
    assert not any(character.isdecimal() for character in spell_out(NUMBERS, language))
