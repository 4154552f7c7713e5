"""Malay dates and times of day in words."""

import re
from datetime import date

from engines.malay.numbers import cardinal

_MONTHS = (
    "Januari", "Februari", "Mac", "April", "Mei", "Jun", "Julai", "Ogos", "September",
    "Oktober", "November", "Disember",
)  # fmt: skip
_FIRST_TWO_DIGIT_YEAR = 1970
"""26 is 2026 and 85 is 1985: two digits mean the hundred years from here on."""

DAY_FIRST = re.compile(
    r"(?<![\w/.-])(?P<day>\d{1,2})(?P<mark>[/.-])(?P<month>\d{1,2})(?P=mark)"
    r"(?P<year>\d{4}|\d{2})(?![\w/-]|\.\d)"
)
YEAR_FIRST = re.compile(
    r"(?<![\w/.-])(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?![\w/-]|\.\d)"
)
DAY_OF_MONTH = re.compile(r"\b(?P<day>\d{1,2})\s?hb\b")
CLOCK = re.compile(
    r"(?<![\w:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
    r"(?:\s?(?P<half>[ap])\.?m\b\.?)?(?![\w:])",
    re.IGNORECASE,
)
DOTTED_CLOCK = re.compile(
    r"(?:(?<=\bpukul )|(?<=\bjam ))(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d)(?P<second>)"
    r"(?:\s?(?P<half>[ap])\.?m\b\.?)?(?![\w:]|\.\d)",
    re.IGNORECASE,
)
HOUR = re.compile(
    r"(?<![\w:.])(?P<hour>1[0-2]|[1-9])(?P<minute>)(?P<second>)\s?(?P<half>[ap])\.?m\b\.?",
    re.IGNORECASE,
)


def spoken_date(match: re.Match[str]) -> str:
    """Return a date in words, or as it was where the calendar has no such day."""
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 1900 if year + 1900 >= _FIRST_TWO_DIGIT_YEAR else 2000
    try:
        day = date(year, int(match["month"]), int(match["day"]))
    except ValueError:
        return match[0]
    return f"{cardinal(day.day)} {_MONTHS[day.month - 1]} {cardinal(day.year)}"


def spoken_day(match: re.Match[str]) -> str:
    """28hb is "dua puluh lapan hari bulan"."""
    return f"{cardinal(int(match['day']))} hari bulan"


def spoken_time(match: re.Match[str]) -> str:
    """3:45 pm is "tiga empat puluh lima minit petang"."""
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    words = [cardinal(hour)]
    if minute:
        words.append(f"{cardinal(minute)} minit")
    if second:
        words.append(f"{cardinal(second)} saat")
    if match["half"]:
        words.append(_part_of_day(hour % 12, is_afternoon=match["half"].lower() == "p"))
    return " ".join(words)


def _part_of_day(hour: int, *, is_afternoon: bool) -> str:
    """What Malay says for am and pm; ``hour`` from 0 to 11."""
    if not is_afternoon:
        return "pagi" if hour else "tengah malam"
    if hour < 2:
        return "tengah hari"
    return "petang" if hour < 7 else "malam"
