"""Parity of the text front end: normalising and splitting.

It differs from upstream on purpose in three places, which the notes of the table name: a text with
``<|...|>`` marks is normalised and split around them where upstream passes it through whole; an
empty text has no segments where upstream has one empty one; a blank text is as good as an empty
one where upstream raises an IndexError.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import regex

from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenVersion
from engines.cosyvoice.text.front_end import TextFrontEnd
from engines.cosyvoice.text.normalizer import TextNormalizer
from engines.cosyvoice.text.splitter import SplitRules, split_segments

_KNOWN_PARTS = {"note", "normalize_and_split", "split_only"}
_MARK = regex.compile(r"<\|.*?\|>")
_COUNTS: dict[str, Callable[[str], int]] = {"words": lambda text: len(text.split()), "chars": len}

Case = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Lengths:
    """A stand-in for the tokenizer: the reference counts words or characters."""

    count: Callable[[str], int]


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every case of ``text.json``."""
    notes = version.notes("text")
    for number, case in enumerate(notes["normalize_and_split"]):
        yield from _front_end(version, f"text{number}", case)
    for number, case in enumerate(notes["split_only"]):
        yield _splitter(f"split{number}", case)
    yield from (Comparison.failure(name, "unknown part") for name in notes.keys() - _KNOWN_PARTS)


def _front_end(version: GoldenVersion, name: str, case: Case) -> Iterator[Comparison]:
    lengths = _Lengths(_COUNTS[case["tokenizer"]])
    front_end = TextFrontEnd(lengths, TextNormalizer(grammars=False), version.config.version)
    text = case["text"]
    normal, segments = front_end.normalize(text), front_end.segments(text)
    if "raises" in case:
        yield _noted(
            Comparison.equal(f"{name} segments", segments, []), f"upstream: {case['raises']}"
        )
    elif "<|" in text and "|>" in text:
        marks, theirs = _MARK.findall(normal), _MARK.findall(case["normalized"])
        yield _noted(
            Comparison.equal(f"{name} marks", marks, theirs),
            "upstream leaves the rest of a text with marks as it is",
        )
    else:
        yield Comparison.equal(f"{name} normalized", normal, case["normalized"])
        yield _segments(name, segments, case["segments"])


def _segments(name: str, ours: list[str], theirs: list[str]) -> Comparison:
    spoken = [segment for segment in theirs if segment]
    comparison = Comparison.equal(f"{name} segments", ours, spoken)
    return comparison if spoken == theirs else _noted(comparison, "upstream: an empty segment")


def _splitter(name: str, case: Case) -> Comparison:
    rules = SplitRules(
        longest=case["token_max_n"],
        long_enough=case["token_min_n"],
        shortest_rest=case["merge_len"],
        at_commas=case["comma_split"],
    )
    segments = split_segments(
        case["text"],
        chinese=case["lang"] == "zh",
        count_tokens=_COUNTS[case["tokenizer"]],
        rules=rules,
    )
    return Comparison.equal(name, segments, case["segments"])


def _noted(comparison: Comparison, note: str) -> Comparison:
    return replace(comparison, note=note) if comparison.passed else comparison
