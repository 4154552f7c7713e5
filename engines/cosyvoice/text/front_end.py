"""From a request's text to the segments that the model speaks."""

from typing import Protocol

import regex

from engines.cosyvoice.config import Version
from engines.cosyvoice.text.normalizer import TextNormalizer, is_chinese
from engines.cosyvoice.text.splitter import is_only_punctuation, split_segments
from engines.cosyvoice.text.tokenizer import END_OF_PROMPT

_MARK = regex.compile(r"(<\|[^|<>]+\|>)")
_SYSTEM_PROMPT = "You are a helpful assistant."
"""What CosyVoice 3 was trained with before ``<|endofprompt|>`` (upstream: example.py)."""


class TokenCounter(Protocol):
    """What the splitter asks of a tokenizer."""

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``."""
        ...


class TextFrontEnd:
    """Normalises, splits, and puts the prompt's mark where each version needs it."""

    def __init__(
        self, tokenizer: TokenCounter, normalizer: TextNormalizer, version: Version
    ) -> None:
        self._tokenizer = tokenizer
        self._normalizer = normalizer
        self._version = version

    def segments(self, text: str, language: str | None = None) -> list[str]:
        """Cut ``text`` into segments, normalised; none where nothing can be spoken.

        ``<|...|>`` marks stay where they are, and the text between them is normalised and split
        like any other (upstream does neither when a text holds a mark). What stands up to
        ``<|endofprompt|>`` is a prompt and stands before every segment.
        """
        prompt, mark, spoken = text.rpartition(END_OF_PROMPT)
        normal = self.normalize(spoken, language)
        if not normal:
            return []
        segments = split_segments(
            normal, chinese=is_chinese(normal), count_tokens=self._tokenizer.count
        )
        return [prompt + mark + part for part in segments if not is_only_punctuation(part)]

    def normalize(self, text: str, language: str | None = None) -> str:
        """Normalise ``text`` around its marks."""
        return "".join(
            piece if _MARK.fullmatch(piece) else self._normalizer.normalize(piece, language)
            for piece in _MARK.split(text)
            if piece
        )

    def transcript(self, text: str) -> str:
        """The prompt text for a reference's ``text``: what is said in it, behind the mark.

        CosyVoice 3 wants its system prompt before the mark.
        """
        normal = self.normalize(text)
        if self._version is Version.COSYVOICE2 or END_OF_PROMPT in normal:
            return normal
        return f"{_SYSTEM_PROMPT}{END_OF_PROMPT}{normal}"

    def instruction(self, text: str) -> str:
        """The prompt text for an instruction, closed by the mark."""
        if text.endswith(END_OF_PROMPT):
            return text
        if self._version is Version.COSYVOICE2:
            return text + END_OF_PROMPT
        return f"{_SYSTEM_PROMPT} {text}{END_OF_PROMPT}"

    def plain(self) -> str:
        """The prompt text where there is neither a transcript nor an instruction."""
        return "" if self._version is Version.COSYVOICE2 else f"{_SYSTEM_PROMPT}{END_OF_PROMPT}"
