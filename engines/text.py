"""Cutting a text into segments that are spoken one after another."""

import re
from collections.abc import Iterator

from sentencex import segment

_CLAUSE_END = re.compile(r"[,;:،、，；：。！？…—–\n]+")
_SPACE = re.compile(r"\s+")


def split_text(text: str, *, language: str, max_characters: int) -> list[str]:
    """Cut ``text`` at sentence ends; sentences that are too long at clauses, then at spaces.

    Args:
        text: in any language.
        language: code whose abbreviations and sentence marks hold; unknown codes do as well.
        max_characters: no segment is longer.

    Returns:
        Segments in order, none empty, without white space around them.
    """
    return [
        piece
        for sentence in segment(language, text)
        for piece in _cut(sentence.strip(), max_characters)
        if piece
    ]


def _cut(sentence: str, max_characters: int) -> Iterator[str]:
    while len(sentence) > max_characters:
        end = _last_break(sentence[:max_characters])
        yield sentence[:end].rstrip()
        sentence = sentence[end:].lstrip()
    yield sentence


def _last_break(window: str) -> int:
    """Where ``window`` is best cut: after its last clause, else its last space, else its end."""
    for pattern in (_CLAUSE_END, _SPACE):
        ends = [match.end() for match in pattern.finditer(window)]
        if ends:
            return ends[-1]
    return len(window)
