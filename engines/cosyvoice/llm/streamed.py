"""Text that arrives while the model already speaks (upstream: Qwen2LM.inference_bistream).

Text and speech alternate in blocks, 5 text ids to 15 speech tokens. After a block of speech the
model says the fill token (or is made to), which is not fed; the next block of text is. Once the
text has ended, its rest and the task mark are fed and the model speaks on until it says the end
token.

Upstream's protocol is kept to the letter, and with it what its code does at the edges:
- a block starts when one more text id arrives, not when five wait, so text that piled up before
  the first block is fed with the rest at the end;
- where the text ends before the reference's speech tokens are placed, those left are not fed;
- where the text ends on a fill token, the speech token before it is fed a second time;
- CosyVoice 3 without reference speech begins to speak after the instruction, before any text.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

from engines.cosyvoice.config import LlmConfig, SamplingConfig
from engines.cosyvoice.llm.model import Symbol, Table
from engines.cosyvoice.llm.utterance import Utterance, check_ids, check_required_id, symbols


class UnexpectedTokenError(RuntimeError):
    """The model said a control token where only speech makes sense."""


class _Phase(Enum):
    LISTENING = auto()
    SPEAKING = auto()
    ENDING = auto()


class StreamedUtterance(Utterance):
    """A request whose text comes in pieces, through ``feed`` and then ``end``.

    Upstream sets no length limit. Here, once the text has ended, at most ``max_token_text_ratio``
    times its length of speech follows, so an empty text says nothing.

    Raises:
        PromptError: an id is outside its table, or CosyVoice 3's end-of-prompt mark is missing
            from ``prompt_text``.
    """

    def __init__(
        self,
        config: LlmConfig,
        *,
        prompt_text: Sequence[int] = (),
        prompt_speech: Sequence[int] = (),
        sampling: SamplingConfig | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(config, sampling=sampling, seed=seed)
        check_ids(config, prompt_text, prompt_speech)
        check_required_id(config, prompt_text)
        self._phase = _Phase.LISTENING
        self._inbox: deque[int] = deque()
        self._closed = False
        instruction = 0
        if config.required_text_id is not None:
            instruction = list(prompt_text).index(config.required_text_id) + 1
        self._input = [
            Symbol(Table.SPECIAL, config.sos),
            *symbols(Table.TEXT, prompt_text[:instruction]),
        ]
        self._text = list(prompt_text[instruction:])
        self._reference = list(prompt_speech)
        self._next_fill = config.speech_block - len(prompt_speech) % config.speech_block
        self._prompt_length = len(prompt_text) + len(prompt_speech)
        self._text_length = 0
        self._most_tokens = 0

    @property
    def most_positions(self) -> int:
        """What the text so far can come to, which ``feed`` raises."""
        config, texts = self.config, self._prompt_length + self._text_length
        blocks = texts // config.text_block + 1
        ending = config.max_token_text_ratio * self._text_length
        start_task_and_repetition = 3
        return start_task_and_repetition + texts + blocks * config.speech_block + ending

    @property
    def masked_ids(self) -> tuple[int, ...]:
        """While more text may come, the id that upstream masks."""
        return (self.config.min_length_masked_id,) if self._phase is _Phase.SPEAKING else ()

    @property
    def forced_token(self) -> int | None:
        """The fill token, once a block of speech is full."""
        full = self._phase is _Phase.SPEAKING and len(self.tokens) == self._next_fill
        return self.config.fill if full else None

    def feed(self, ids: Sequence[int]) -> None:
        """Add text.

        Raises:
            PromptError: an id is outside the table.
            RuntimeError: the text has ended.
        """
        if self._closed:
            raise RuntimeError("text was fed after the end of the text")
        check_ids(self.config, ids, ())
        self._inbox.extend(ids)
        self._text_length += len(ids)

    def end(self) -> None:
        """Say that no more text will come."""
        self._closed = True

    def next_symbols(self) -> list[Symbol]:
        """Return what to feed next; empty while more text is needed."""
        if self._phase is not _Phase.LISTENING:
            return self._input
        while self._inbox:
            self._text.append(self._inbox.popleft())
            if self._is_ready():
                self._phase = _Phase.SPEAKING
                return self._input
        if not self._closed:
            return []
        self._phase = _Phase.ENDING
        self._most_tokens = len(self.tokens) + self.config.max_token_text_ratio * self._text_length
        if not self._text_length:
            self.finished = True
            return []
        task = Symbol(Table.SPECIAL, self.config.task)
        return [*self._input, *symbols(Table.TEXT, self._text), task]

    def accept(self, token: int) -> int | None:
        """Take the next token; fill and end tokens are not speech.

        Raises:
            UnexpectedTokenError: the token is another control token.
        """
        self.tokens.append(token)
        if self._phase is _Phase.SPEAKING and token == self.config.fill:
            self._phase = _Phase.LISTENING
            self._next_fill = len(self.tokens) + self.config.speech_block
            return None
        if self._phase is _Phase.ENDING and token == self.config.eos:
            self.finished = True
            return None
        if self._is_stop(token):
            self.finished = True
            raise UnexpectedTokenError(f"the language model said {token} amid streamed text")
        self._input = [Symbol(Table.SPEECH, token)]
        self.finished = self._phase is _Phase.ENDING and len(self.tokens) == self._most_tokens
        return token

    def _is_ready(self) -> bool:
        """Move what is complete into the input; whether the model can speak now."""
        blocks = self.config
        while self._reference and len(self._text) >= blocks.text_block:
            self._input += symbols(Table.TEXT, self._take_text())
            self._input += symbols(Table.SPEECH, self._reference[: blocks.speech_block])
            del self._reference[: blocks.speech_block]
        if self._reference:
            return False
        filled = bool(self.tokens) and self.tokens[-1] == blocks.fill
        if not filled and len(self._input) > 1:
            return True
        if len(self._text) < blocks.text_block:
            return False
        block = symbols(Table.TEXT, self._take_text())
        self._input = block if filled else self._input + block
        return True

    def _take_text(self) -> list[int]:
        size = self.config.text_block
        block, self._text = self._text[:size], self._text[size:]
        return block
