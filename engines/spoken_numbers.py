"""Numbers in words, for engines that know letters only: MMS drops every digit that it meets."""

import re
from functools import partial

from num2words import num2words

from engines import malay

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?")
_LANGUAGES = frozenset(
    {
        "ar", "cs", "da", "de", "en", "es", "fi", "fr", "he", "hu", "id", "it", "ja", "ko", "lt",
        "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi",
    }
)  # fmt: skip
"""Those of num2words' that are whole: its others lack words for some numbers."""
_MAX_DIGITS = 15
"""Longer numbers are codes; they are left alone rather than spoken for a minute."""


def spell_out(text: str, language: str) -> str:
    """Return ``text`` with its numbers in words of ``language``.

    Malay has rules of its own for dates, money and the like (``engines.malay``); languages that
    num2words knows get plain numbers; all others are left as they are.
    """
    if language == "ms":
        return malay.spell_out(text)
    if language not in _LANGUAGES:
        return text
    return _NUMBER.sub(partial(_in_words, language), text)


def _in_words(language: str, match: re.Match[str]) -> str:
    written = match[0].replace(",", "")
    if len(written) > _MAX_DIGITS:
        return match[0]
    number = float(written) if "." in written else int(written)
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    return f"{' ' * before.isalnum()}{num2words(number, lang=language)}{' ' * after.isalnum()}"
