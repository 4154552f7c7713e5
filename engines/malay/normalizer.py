"""Writing out in Malay words what is not written as it is spoken."""

import re
import unicodedata
from collections.abc import Callable

from engines.malay import amounts, moments
from engines.malay.numbers import MAX_CARDINAL, cardinal, decimal, digits, ordinal

_MANY_DIGITS = 7
"""A run of so many digits without commas is a code, unless it is a round number."""
_CODE_DIGITS = 3
"""Letters with so many digits behind them are a code: A102 is "A satu kosong dua"."""

_GROUPED = re.compile(r"(?<![\w.,])\+?\d+(?:[ -]\d+)+(?![\w,]|\.\d)")
_RUN = re.compile(
    rf"(?<![\d.,])(?:\+\d{{{_MANY_DIGITS},}}|0\d+|\d{{{_MANY_DIGITS},}})(?![\d]|[.,]\d)"
)
_CODE = re.compile(r"(?<=[A-Za-z])\d+(?![\d]|[.,]\d)")
_ORDINAL = re.compile(r"\b(?P<ke>[Kk])e-(?P<number>\d+)(?![\d.,]\d|\d)")
_DECADE = re.compile(r"\b(?P<number>\d+)-an\b")
_FRACTION = re.compile(r"(?<![\w/.,])(?P<top>\d{1,3})/(?P<bottom>\d{1,3})(?![\w/]|[.,]\d)")
_RANGE = re.compile(
    rf"(?<![\w.,/-])(?P<first>(?:{amounts.CODES})?\s?(?:\d{{1,2}}:\d\d|{amounts.NUMBER})%?)"
    rf"\s?[-–—]\s?(?=(?:{amounts.CODES})?\s?\d)"
)
_DOTTED_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:\.\d{3}){2,}(?![\d.,]\d|\d)")
_DOTTED = re.compile(r"(?<![\d.,])\d+(?:\.\d+){2,}")
_MINUS = re.compile(r"(?<![\w.,/:%°])[-−](?=\d)")
_NUMBER = re.compile(amounts.NUMBER)
_NUMBERED = re.compile(r"\b([Nn])o\.\s?(?=\d)")
_SPACES = re.compile(r" {2,}")


def spell_out(text: str) -> str:
    """Return ``text`` with its numbers, dates, times, money and measures in Malay words.

    No decimal digit is left. Words, punctuation and line ends stay as they are.
    """
    text = _with_ascii_digits(text)
    for pattern, spoken in _RULES:
        text = pattern.sub(_set_apart(spoken), text)
    return _SPACES.sub(" ", text)


def _with_ascii_digits(text: str) -> str:
    """Digits of other scripts (full width, Arabic) are read like ours."""
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in text
    )


def _set_apart(spoken: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    """Put a space between what ``spoken`` says and a letter that the number stuck to."""

    def replace(match: re.Match[str]) -> str:
        words = spoken(match)
        before = match.string[match.start() - 1 : match.start()]
        after = match.string[match.end() : match.end() + 1]
        return f"{' ' * before.isalnum()}{words}{' ' * after.isalnum()}"

    return replace


def _spoken_groups(match: re.Match[str]) -> str:
    """Telephone and identity card numbers: digit by digit, with a pause between the groups."""
    groups = re.split(r"[ -]", match[0].lstrip("+"))
    num_digits = sum(map(len, groups))
    is_range = len(groups) == 2 and "-" in match[0] and not groups[0].startswith("0")
    if num_digits < _MANY_DIGITS or (is_range and max(map(len, groups)) <= 4):
        return match[0]
    plus = "tambah " if match[0].startswith("+") else ""
    return plus + ", ".join(map(digits, groups))


def _spoken_run(match: re.Match[str]) -> str:
    written = match[0].lstrip("+")
    is_round = not written.startswith("0") and written.endswith("0" * 5)
    if match[0][0] != "+" and is_round and int(written) <= MAX_CARDINAL:
        return cardinal(int(written))
    return ("tambah " if match[0][0] == "+" else "") + digits(written)


def _spoken_code(match: re.Match[str]) -> str:
    is_code = len(match[0]) >= _CODE_DIGITS or match[0].startswith("0")
    return digits(match[0]) if is_code else cardinal(int(match[0]))


def _spoken_ordinal(match: re.Match[str]) -> str:
    words = ordinal(int(match["number"]))
    return words.capitalize() if match["ke"] == "K" else words


def _spoken_decade(match: re.Match[str]) -> str:
    return f"{cardinal(int(match['number']))}an"


def _spoken_fraction(match: re.Match[str]) -> str:
    top, bottom = int(match["top"]), int(match["bottom"])
    if bottom == 2 and top == 1:
        return "setengah"
    if bottom == 4:
        return "suku" if top == 1 else f"{cardinal(top)} suku"
    return f"{cardinal(top)} per {cardinal(bottom)}"


def _spoken_number(match: re.Match[str]) -> str:
    return decimal(match[0])


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (moments.YEAR_FIRST, moments.spoken_date),
    (moments.DAY_FIRST, moments.spoken_date),
    (_ORDINAL, _spoken_ordinal),
    (_DECADE, _spoken_decade),
    (_GROUPED, _spoken_groups),
    (_RANGE, lambda match: f"{match['first']} hingga "),
    (moments.CLOCK, moments.spoken_time),
    (moments.DOTTED_CLOCK, moments.spoken_time),
    (moments.HOUR, moments.spoken_time),
    (moments.DAY_OF_MONTH, moments.spoken_day),
    (amounts.MONEY, amounts.spoken_money),
    (amounts.MEASURE, amounts.spoken_measure),
    (_NUMBERED, lambda match: f"{match[1]}ombor "),
    (_DOTTED_THOUSANDS, lambda match: cardinal(int(match[0].replace(".", "")))),
    (_DOTTED, lambda match: " titik ".join(map(digits, match[0].split(".")))),
    (_FRACTION, _spoken_fraction),
    (_RUN, _spoken_run),
    (_CODE, _spoken_code),
    (_MINUS, lambda _: "negatif "),
    (_NUMBER, _spoken_number),
)
"""In this order: what is special goes first, and what is left over is a number."""
