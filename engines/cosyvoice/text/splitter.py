"""Cutting a normalised text into segments that the model speaks one after another.

The rules are upstream's (cosyvoice/utils/frontend_utils.py, split_paragraph): sentences are
gathered until a segment would become too long and already is long enough; a short rest joins the
segment before it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import regex

_CHINESE_MARKS = "。？！；：、.?!;"
_OTHER_MARKS = ".?!;:"
_COMMAS = "，,"
_PUNCTUATION_ONLY = regex.compile(r"[\p{P}\p{S}]*")


@dataclass(frozen=True, slots=True)
class SplitRules:
    """Lengths in characters for Chinese, in tokens for everything else."""

    longest: int = 80
    long_enough: int = 60
    shortest_rest: int = 20
    at_commas: bool = False


def split_segments(
    text: str,
    *,
    chinese: bool,
    count_tokens: Callable[[str], int],
    rules: SplitRules = SplitRules(),
) -> list[str]:
    """Cut ``text`` (not empty) at sentence marks into segments of comfortable length.

    Args:
        text: normalised; a final mark is added where there is none.
        chinese: whether Chinese marks cut too, and lengths count characters.
        count_tokens: length of a text in tokens.
        rules: the lengths.

    Returns:
        Segments in order. A mark that directly follows another one is dropped, as upstream does.
    """
    marks = (_CHINESE_MARKS if chinese else _OTHER_MARKS) + (_COMMAS if rules.at_commas else "")
    length = len if chinese else count_tokens
    if text[-1] not in marks:
        text += "。" if chinese else "."
    return _gather(_sentences(text, marks), length, rules)


def is_only_punctuation(segment: str) -> bool:
    """Whether ``segment`` holds nothing but punctuation and symbols."""
    return _PUNCTUATION_ONLY.fullmatch(segment) is not None


def _sentences(text: str, marks: str) -> list[str]:
    """Text up to and with each mark, and with a closing quote right after it."""
    pattern = regex.compile(rf"([^{marks}]*)([{marks}])([\"”]?)")
    sentences: list[str] = []
    for body, mark, quote in pattern.findall(text):
        if body:
            sentences.append(body + mark + quote)
        elif quote and sentences:
            sentences[-1] += quote
    return sentences


def _gather(sentences: list[str], length: Callable[[str], int], rules: SplitRules) -> list[str]:
    segments: list[str] = []
    current = ""
    for sentence in sentences:
        too_long = length(current + sentence) > rules.longest
        if too_long and length(current) > rules.long_enough:
            segments.append(current)
            current = ""
        current += sentence
    if current and segments and length(current) < rules.shortest_rest:
        segments[-1] += current
    elif current:
        segments.append(current)
    return segments
