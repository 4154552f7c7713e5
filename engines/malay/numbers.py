"""Malay numbers in words."""

_UNITS = ("sifar", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "lapan", "sembilan")
_SPOKEN_DIGITS = ("kosong", *_UNITS[1:])
"""Telephone numbers and codes say "kosong" where numbers say "sifar"."""
_SCALES = ((10**12, "trilion"), (10**9, "bilion"), (10**6, "juta"), (10**3, "ribu"))
MAX_CARDINAL = 10**15 - 1
"""Longer numbers are said digit by digit."""


def cardinal(number: int) -> str:
    """Return ``number`` in words: 1211 is "seribu dua ratus sebelas"."""
    if number < 0:
        return f"negatif {cardinal(-number)}"
    if number > MAX_CARDINAL:
        return digits(str(number))
    if number == 0:
        return _UNITS[0]
    words = []
    for scale, name in _SCALES:
        count, number = divmod(number, scale)
        if count == 1 and name == "ribu":
            words.append("seribu")
        elif count:
            words.append(f"{_below_thousand(count)} {name}")
    if number:
        words.append(_below_thousand(number))
    return " ".join(words)


def ordinal(number: int) -> str:
    """Return ``number`` as a place in a row: 1 is "pertama", 2 is "kedua"."""
    return "pertama" if number == 1 else f"ke{cardinal(number)}"


def digits(written: str) -> str:
    """Return the digits of ``written`` one by one: "012" is "kosong satu dua"."""
    return " ".join(_SPOKEN_DIGITS[int(digit)] for digit in written if digit.isdecimal())


def decimal(written: str) -> str:
    """Return a number in words, written with commas between thousands and a decimal point.

    "1,234.50" is "seribu dua ratus tiga puluh empat perpuluhan lima sifar".
    """
    whole, _, fraction = written.replace(",", "").partition(".")
    words = cardinal(int(whole or "0"))
    if not fraction:
        return words
    return f"{words} perpuluhan {' '.join(_UNITS[int(digit)] for digit in fraction)}"


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = []
    if hundreds:
        words.append("seratus" if hundreds == 1 else f"{_UNITS[hundreds]} ratus")
    if rest:
        words.append(_below_hundred(rest))
    return " ".join(words)


def _below_hundred(number: int) -> str:
    if number < 10:
        return _UNITS[number]
    if number in (10, 11):
        return ("sepuluh", "sebelas")[number - 10]
    tens, unit = divmod(number, 10)
    if tens == 1:
        return f"{_UNITS[unit]} belas"
    return f"{_UNITS[tens]} puluh" + (f" {_UNITS[unit]}" if unit else "")
