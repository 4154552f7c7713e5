"""Malay money, percentages, temperatures and measures in words."""

import re

from engines.malay.numbers import cardinal, decimal

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
"""As Malaysia writes it: 1,234.50."""
_SCALE = r"(?:\s(?P<scale>ribu|juta|bilion|trilion)\b)?"
_MINUS = r"(?P<minus>(?<![\w.%°])[-−])?"

_CURRENCIES = {
    "RM": ("ringgit", "sen"),
    "MYR": ("ringgit", "sen"),
    "USD": ("dolar Amerika", "sen"),
    "US$": ("dolar Amerika", "sen"),
    "SGD": ("dolar Singapura", "sen"),
    "S$": ("dolar Singapura", "sen"),
    "$": ("dolar", "sen"),
    "EUR": ("euro", "sen"),
    "€": ("euro", "sen"),
    "GBP": ("paun", "peni"),
    "£": ("paun", "peni"),
    "IDR": ("rupiah", ""),
    "Rp": ("rupiah", ""),
    "¥": ("yen", ""),
}
"""What stands before an amount: the name of the currency, and of its hundredth part."""
CODES = "|".join(re.escape(code) for code in sorted(_CURRENCIES, key=len, reverse=True))
"""Alternatives of a pattern."""
MONEY = re.compile(rf"(?<![A-Za-z]){_MINUS}(?P<code>{CODES})\s?(?P<number>{NUMBER})(?!\d){_SCALE}")

_MEASURES = {
    "km/j": "kilometer sejam", "km/h": "kilometer sejam", "m/s": "meter sesaat",
    "km²": "kilometer persegi", "km2": "kilometer persegi",
    "m²": "meter persegi", "m2": "meter persegi", "m³": "meter padu", "m3": "meter padu",
    "km": "kilometer", "m": "meter", "cm": "sentimeter", "mm": "milimeter",
    "kg": "kilogram", "g": "gram", "mg": "miligram", "l": "liter", "L": "liter",
    "ml": "mililiter", "mL": "mililiter", "kWh": "kilowatt jam", "kW": "kilowatt", "W": "watt",
    "V": "volt", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz",
    "KB": "kilobait", "kB": "kilobait", "MB": "megabait", "GB": "gigabait", "TB": "terabait",
    "Mbps": "megabit sesaat", "ha": "hektar",
    "°C": "darjah Celsius", "°F": "darjah Fahrenheit", "°": "darjah", "%": "peratus",
}  # fmt: skip
_SYMBOLS = "|".join(re.escape(symbol) for symbol in sorted(_MEASURES, key=len, reverse=True))
MEASURE = re.compile(rf"{_MINUS}(?<![\w.,])(?P<number>{NUMBER})\s?(?P<symbol>{_SYMBOLS})(?![\w²³])")


def spoken_money(match: re.Match[str]) -> str:
    """RM12.50 is "dua belas ringgit lima puluh sen"; RM1.2 juta keeps its decimals."""
    name, part = _CURRENCIES[match["code"]]
    minus = "negatif " if match["minus"] else ""
    if match["scale"]:
        return f"{minus}{decimal(match['number'])} {match['scale']} {name}"
    whole, _, fraction = match["number"].replace(",", "").partition(".")
    if len(fraction) > 2 or (fraction and not part):
        return f"{minus}{decimal(match['number'])} {name}"
    hundredths = int(fraction.ljust(2, "0")) if fraction else 0
    words = [f"{cardinal(int(whole))} {name}"] if int(whole) or not hundredths else []
    if hundredths:
        words.append(f"{cardinal(hundredths)} {part}")
    return minus + " ".join(words)


def spoken_measure(match: re.Match[str]) -> str:
    """-5°C is "negatif lima darjah Celsius"."""
    minus = "negatif " if match["minus"] else ""
    return f"{minus}{decimal(match['number'])} {_MEASURES[match['symbol']]}"
