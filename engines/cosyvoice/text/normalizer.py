"""Writing out what is not written as it is spoken: digits, dates, signs.

The rules are upstream's (cosyvoice/cli/frontend.py, text_normalize); the grammars are wetext's.
"""

from collections.abc import Callable
from functools import cached_property

import inflect
import regex

_HAN = regex.compile(r"[\u4e00-\u9fff]")
_DIGITS = regex.compile(r"\d+")
_TRAILING_COMMAS = regex.compile(r"[，,、]+$")
_REPLACED_IN_CHINESE = {
    "²": "平方", "³": "立方", ".": "。",
    "（": "", "）": "", "【": "", "】": "", "`": "",
}  # fmt: skip
_DASH = "——"
_SPACED_HYPHEN = " - "

Grammar = Callable[[str], str]


def is_chinese(text: str) -> bool:
    """Whether ``text`` holds a Chinese character; upstream's way to choose the rules."""
    return _HAN.search(text) is not None


class TextNormalizer:
    """Normalises Chinese and English; leaves other languages to the model.

    Args:
        grammars: whether wetext's grammars are used. Without them only upstream's own rules hold,
            as where upstream finds no normaliser installed.
    """

    def __init__(self, *, grammars: bool = True) -> None:
        self._has_grammars = grammars

    def normalize(self, text: str, language: str | None = None) -> str:
        """Return ``text`` as it is spoken.

        Args:
            text: without ``<|...|>`` marks.
            language: code of a language; one other than Chinese and English is left alone,
                because English rules would spoil it. None chooses by the script.
        """
        text = text.strip()
        if is_chinese(text):
            return self._chinese(text)
        return self._english(text) if language in (None, "en") else text

    def _chinese(self, text: str) -> str:
        text = _without_idle_spaces(self._grammar(text).replace("\n", ""))
        for written, spoken in _REPLACED_IN_CHINESE.items():
            text = text.replace(written, spoken)
        text = text.replace(_SPACED_HYPHEN, "，").replace(_DASH, " ")
        return _TRAILING_COMMAS.sub("。", text)

    def _english(self, text: str) -> str:
        return _DIGITS.sub(self._number_in_words, self._grammar(text))

    def _number_in_words(self, digits: regex.Match[str]) -> str:
        return str(self._numbers.number_to_words(digits.group()))

    @cached_property
    def _numbers(self) -> inflect.engine:
        return inflect.engine()

    @cached_property
    def _grammar(self) -> Grammar:
        if not self._has_grammars:
            return str
        from wetext import Normalizer  # noqa: PLC0415  half a second that not everybody needs

        normalizer = Normalizer(remove_erhua=False)
        return lambda text: str(normalizer.normalize(text))


def _without_idle_spaces(text: str) -> str:
    """Keep a space only between two characters that are both ASCII and no spaces."""
    padded = f" {text} "
    return "".join(
        character
        for before, character, after in zip(padded, padded[1:], padded[2:], strict=False)
        if character != " " or (_is_ascii_letter(before) and _is_ascii_letter(after))
    )


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character != " "
