"""Dropping long runs of silence from the tokens that are spoken."""

from collections.abc import Collection

from engines.cosyvoice.config import LlmConfig


class SilentRunFilter:
    """Lets through at most ``longest_run`` silent tokens in a row (CosyVoice 3).

    Dropped tokens stay in the language model's context (upstream: cosyvoice/cli/model.py,
    llm_job). One filter serves one request, token by token.
    """

    def __init__(self, silent_tokens: Collection[int], longest_run: int) -> None:
        self._silent_tokens = frozenset(silent_tokens)
        self._longest_run = longest_run
        self._run = 0

    @classmethod
    def for_model(cls, config: LlmConfig) -> "SilentRunFilter":
        """Make the filter that ``config`` asks for; CosyVoice 2 drops nothing."""
        return cls(config.silent_tokens, config.silent_max_run)

    def passes(self, token: int) -> bool:
        """Whether ``token``, the next one, is spoken."""
        self._run = self._run + 1 if token in self._silent_tokens else 0
        return self._run <= self._longest_run
