"""Text that arrives in pieces, as a language model writes it, made into whole sentences."""

from engines.text import split_text
from serve_app.errors import TextTooLongError

_DEFAULT_LANGUAGE = "en"


class SentenceGatherer:
    """Takes pieces of any length, words cut in two included; gives whole sentences, in order.

    A sentence counts as whole when the next one has begun: before that nobody knows whether
    ``3.`` ends it or goes on as ``3.5``.
    """

    def __init__(self, language: str | None, max_characters: int) -> None:
        self._language = language or _DEFAULT_LANGUAGE
        self._max_characters = max_characters
        self._rest = ""

    def add(self, piece: str) -> list[str]:
        """Take ``piece``; return the sentences that are whole now.

        Raises:
            TextTooLongError: the sentence under way is longer than a text may be.
        """
        self._rest += piece
        num_characters = len(self._rest)
        if num_characters > self._max_characters:
            raise TextTooLongError(num_characters, self._max_characters)
        *whole, last = self._sentences() or [""]
        if whole:
            self._rest = self._rest[self._rest.rindex(last) :]
        return whole

    def flush(self) -> list[str]:
        """Return what is left, as sentences; no more text comes."""
        sentences, self._rest = self._sentences(), ""
        return sentences

    def _sentences(self) -> list[str]:
        return split_text(self._rest, language=self._language, max_characters=self._max_characters)
