"""One request to the language model: what it feeds, what it may not say, when it stops."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from engines.cosyvoice.config import LlmConfig, SamplingConfig
from engines.cosyvoice.llm.model import Symbol, Table
from engines.cosyvoice.llm.sampling import UniformStream


class PromptError(ValueError):
    """The ids of a request cannot be fed to this model."""


@dataclass(frozen=True, slots=True)
class LlmPrompt:
    """The ids of a request: text to speak, and the reference's transcript and speech tokens."""

    text: Sequence[int]
    prompt_text: Sequence[int] = ()
    prompt_speech: Sequence[int] = ()


class Utterance(ABC):
    """The state of one request, on the host.

    Args:
        sampling: how tokens are drawn; the model's own settings where None.
        seed: makes the draws repeatable; fresh ones where None.
    """

    def __init__(
        self, config: LlmConfig, *, sampling: SamplingConfig | None = None, seed: int | None = None
    ) -> None:
        self.config = config
        self.sampling = config.sampling if sampling is None else sampling
        self.uniforms = UniformStream(seed)
        self.tokens: list[int] = []
        """All outputs so far (fill tokens too), which the repetition test looks back on."""
        self.finished = False

    @property
    @abstractmethod
    def most_positions(self) -> int:
        """The most positions that it can take in the cache, as far as is known now."""

    @property
    def masked_ids(self) -> tuple[int, ...]:
        """Ids that the next token may not be."""
        return ()

    @property
    def forced_token(self) -> int | None:
        """The token that comes next whatever the scores say."""
        return None

    @abstractmethod
    def next_symbols(self) -> list[Symbol]:
        """Return what to feed next; empty while it waits for text."""

    @abstractmethod
    def accept(self, token: int) -> int | None:
        """Take the next token; returns it if it is speech, None if it steers."""

    def _is_stop(self, token: int) -> bool:
        return self.config.stop_first <= token <= self.config.stop_last


class TextUtterance(Utterance):
    """A request whose text is known: [sos | prompt text, text | task | prompt speech].

    Upstream: Qwen2LM.inference. The minimum length masks one id only, as upstream does: in
    CosyVoice 3 that is not the end token, so an utterance may end before it.

    Raises:
        PromptError: an id is outside its table, or CosyVoice 3's end-of-prompt mark is missing.
    """

    def __init__(
        self,
        config: LlmConfig,
        prompt: LlmPrompt,
        *,
        sampling: SamplingConfig | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(config, sampling=sampling, seed=seed)
        text = [*prompt.prompt_text, *prompt.text]
        check_ids(config, text, prompt.prompt_speech)
        check_required_id(config, text)
        self.min_tokens = config.min_token_text_ratio * len(prompt.text)
        self.max_tokens = config.max_token_text_ratio * len(prompt.text)
        self.finished = self.max_tokens == 0
        self._next = [
            Symbol(Table.SPECIAL, config.sos),
            *symbols(Table.TEXT, text),
            Symbol(Table.SPECIAL, config.task),
            *symbols(Table.SPEECH, prompt.prompt_speech),
        ]
        self.most_positions_after_prompt = len(self._next)

    @property
    def most_positions(self) -> int:
        """The prompt and all tokens but the last, which is never fed."""
        return self.most_positions_after_prompt + max(self.max_tokens - 1, 0)

    @property
    def masked_ids(self) -> tuple[int, ...]:
        """The id that the minimum length forbids."""
        if len(self.tokens) < self.min_tokens:
            return (self.config.min_length_masked_id,)
        return ()

    def next_symbols(self) -> list[Symbol]:
        """Return the prompt at first, then the last token."""
        return self._next

    def accept(self, token: int) -> int | None:
        """Take the next token; a stop id ends the utterance and is not speech."""
        if self._is_stop(token):
            self.finished = True
            return None
        self.tokens.append(token)
        self.finished = len(self.tokens) == self.max_tokens
        self._next = [Symbol(Table.SPEECH, token)]
        return token


def symbols(table: Table, ids: Sequence[int]) -> list[Symbol]:
    """Name ``ids`` as rows of ``table``."""
    return [Symbol(table, index) for index in ids]


def check_ids(config: LlmConfig, text: Sequence[int], speech: Sequence[int]) -> None:
    """Refuse ids that no table row exists for.

    Raises:
        PromptError: one is outside.
    """
    for kind, ids, count in (
        ("text", text, config.text_vocab),
        ("speech", speech, config.output_size),
    ):
        outside = [index for index in ids if not 0 <= index < count]
        if outside:
            raise PromptError(f"{kind} id {outside[0]} is not among the {count} that are known")


def check_required_id(config: LlmConfig, text: Sequence[int]) -> None:
    """Refuse text without the mark that CosyVoice 3 was trained to see in every text.

    Raises:
        PromptError: it is missing.
    """
    if config.required_text_id is not None and config.required_text_id not in text:
        raise PromptError(
            f"the text lacks the end-of-prompt mark (id {config.required_text_id}), "
            "without which this model does not speak"
        )
