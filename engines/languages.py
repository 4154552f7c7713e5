"""Language codes: the many ways to write one, and the one that engines use."""

_TO_ALPHA2 = {
    "ara": "ar", "deu": "de", "ger": "de", "eng": "en", "fra": "fr", "fre": "fr", "hin": "hi",
    "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "msa": "ms", "may": "ms", "zlm": "ms",
    "zsm": "ms", "por": "pt", "rus": "ru", "spa": "es", "tha": "th", "vie": "vi", "zho": "zh",
    "chi": "zh", "cmn": "zh",
}  # fmt: skip


def normalize_language(code: str) -> str:
    """Return the two-letter form of ``code`` where there is one, else its lower-case language.

    Regions and scripts are dropped: ``en-US``, ``eng`` and ``EN`` are ``en``; ``zlm`` is ``ms``.
    """
    language = code.strip().lower().replace("_", "-").split("-")[0]
    return _TO_ALPHA2.get(language, language)
