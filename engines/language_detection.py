"""Which language a text is in: its script decides where one tells, else its letters and words.

A text has one language, that of most of what is spoken in it: a voice does not change within a
sentence because of a name in another script.
"""

import math
from functools import cache

import regex
from py3langid.langid import MODEL_FILE, LanguageIdentifier

_SAMPLE_CHARACTERS = 2_000
"""As much of a text is looked at; what follows seldom changes the answer."""
_MIN_PROBABILITY = 0.5
"""Below it nothing is said: the engine's own default is the better guess."""
_WORD_WEIGHT = 1.5
"""What one telling word adds to the logarithm of a language's probability."""
_MALAY_BONUS = 0.8
"""Malay and Indonesian share most of their words; without a telling one, Malay is meant here."""
_KANA_SHARE = 0.15
"""Japanese has at least so much kana among its kanji; Chinese quotes a の at most."""

_SCRIPTS = {
    "Latin": ("en", "ms", "id", "tl", "vi", "fr", "de", "es", "it", "pt", "nl"),
    "Cyrillic": ("ru", "uk", "bg"),
    "Arabic": ("ar", "fa", "ur"),
    "Devanagari": ("hi", "mr", "ne"),
    "Bengali": ("bn", "as"),
    "Hangul": ("ko",),
    "Thai": ("th",),
    "Lao": ("lo",),
    "Khmer": ("km",),
    "Myanmar": ("my",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Sinhala": ("si",),
    "Gujarati": ("gu",),
    "Gurmukhi": ("pa",),
    "Oriya": ("or",),
    "Hebrew": ("he",),
    "Greek": ("el",),
    "Georgian": ("ka",),
    "Armenian": ("hy",),
    "Ethiopic": ("am",),
}
"""The languages that are told apart within each script; Han and kana are told by their letters."""
_LATIN_LANGUAGES = frozenset(_SCRIPTS["Latin"])

_LETTERS = {script: regex.compile(rf"\p{{{script}}}") for script in _SCRIPTS}
_HAN = regex.compile(r"\p{Han}")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}ー]")
_CANTONESE = regex.compile("[佢哋喺嘅咗冇嚟唔啲咁嗰乜嘢咩嗌攞畀]")
_WORD = regex.compile(r"\p{Latin}+")
_IDEOGRAPHS = "ideographs"
_LETTERS_A_SYLLABLE = 3
"""An ideograph or a Hangul block is a syllable, which takes about three letters elsewhere."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MALAYIC_WORDS = _words(
    "yang dan di ke dari ini itu tidak saya jangan adalah dengan untuk pada akan sudah ada telah "
    "terima kasih selamat anda dalam kami kita mereka atau juga lagi hari"
)
"""Frequent in Malay and Indonesian alike, and hardly met elsewhere."""
_TELLING_WORDS = {
    "en": _words(
        "the and is are of to for with you your we she it this that my please hello yes not have "
        "has will can be what where when how one two three four five from at new"
    ),
    "ms": _words(
        "ialah sila awak kerana boleh bila pejabat tandas nombor esok jom pukul petang tak nak "
        "kaunter akaun cuti bas polis ubat rosak baharu bilik wang duit telefon minit maklumat "
        "jumpa macam cakap kat hantar dihantar penghantaran tahniah kerajaan adakah ringgit "
        "perlahan kad sebarang bayaran hujung selasa khamis ahad isnin bertolak tren lif"
    ),
    "id": _words(
        "silakan nomor karena bisa kapan mau nggak kantor mobil obat polisi besok uang "
        "kamar telepon menit informasi saldo rekening antrian pemerintah tersebut dikirim kirim "
        "pengiriman aja banget gimana bilang sandi coba libur rupiah pembayaran "
        "senin rabu jumat minggu toko pak bu harus"
    ),
}  # fmt: skip
"""Frequent words that one of the three has and the other two have not, or seldom."""


def detect_language(text: str) -> str | None:
    """Return the two-letter code of the language that most of ``text`` is in.

    Returns:
        A code such as ``en``, ``ms`` or ``yue``; None where the text does not tell: it holds no
        letters, or a few Latin ones that could be anything.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    script = _main_script(sample)
    if script is None:
        return None
    if script == _IDEOGRAPHS:
        return _ideographic_language(sample)
    candidates = _SCRIPTS[script]
    return candidates[0] if len(candidates) == 1 else _likeliest(sample, script)


def is_certain(language: str) -> bool:
    """Whether ``detect_language`` tells ``language`` by its script, and not from Latin letters."""
    return language not in _LATIN_LANGUAGES


def load_detector() -> None:
    """Read the model (half a second) now, so that the first request does not wait for it."""
    _identifier()


def _main_script(text: str) -> str | None:
    """The script that most syllables are written in."""
    amounts = {script: len(letters.findall(text)) for script, letters in _LETTERS.items()}
    amounts["Hangul"] *= _LETTERS_A_SYLLABLE
    ideographs = len(_HAN.findall(text)) + len(_KANA.findall(text))
    amounts[_IDEOGRAPHS] = ideographs * _LETTERS_A_SYLLABLE
    script = max(amounts, key=amounts.__getitem__)
    return script if amounts[script] else None


def _ideographic_language(text: str) -> str:
    num_han, num_kana = len(_HAN.findall(text)), len(_KANA.findall(text))
    if num_kana >= _KANA_SHARE * (num_han + num_kana):
        return "ja"
    return "yue" if _CANTONESE.search(text) else "zh"


def _likeliest(text: str, script: str) -> str | None:
    scores = _scores(text, _SCRIPTS[script])
    if script == "Latin":
        _add_words(scores, [word.lower() for word in _WORD.findall(text)])
    best = max(scores, key=scores.__getitem__)
    probability = 1 / sum(math.exp(score - scores[best]) for score in scores.values())
    return best if probability >= _MIN_PROBABILITY or script != "Latin" else None


def _add_words(scores: dict[str, float], words: list[str]) -> None:
    malayic_hits = sum(word in _MALAYIC_WORDS for word in words)
    for language, telling in _TELLING_WORDS.items():
        hits = sum(word in telling for word in words)
        hits += malayic_hits if language in ("ms", "id") else 0
        scores[language] += _WORD_WEIGHT * hits
    scores["ms"] += _MALAY_BONUS


def _scores(text: str, languages: tuple[str, ...]) -> dict[str, float]:
    """Logarithms of the probabilities by the letters alone; comparable with each other only."""
    probabilities = dict(_identifier().rank(text))
    return {language: math.log(probabilities[language] + 1e-12) for language in languages}


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
