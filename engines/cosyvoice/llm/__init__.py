"""The speech language model of CosyVoice 2 and 3, batched from the ground up."""

from engines.cosyvoice.llm.cache import CacheFullError, KvCache, NoFreeSlotError
from engines.cosyvoice.llm.decoder import LlmDecoder, StepResult
from engines.cosyvoice.llm.linear import LlmWeights
from engines.cosyvoice.llm.model import SpeechLm, Symbol, Table, Turn
from engines.cosyvoice.llm.sampling import GREEDY
from engines.cosyvoice.llm.silence import SilentRunFilter
from engines.cosyvoice.llm.streamed import StreamedUtterance, UnexpectedTokenError
from engines.cosyvoice.llm.utterance import LlmPrompt, PromptError, TextUtterance, Utterance

__all__ = [
    "GREEDY",
    "CacheFullError",
    "KvCache",
    "LlmDecoder",
    "LlmPrompt",
    "LlmWeights",
    "NoFreeSlotError",
    "PromptError",
    "SilentRunFilter",
    "SpeechLm",
    "StepResult",
    "StreamedUtterance",
    "Symbol",
    "Table",
    "TextUtterance",
    "Turn",
    "UnexpectedTokenError",
    "Utterance",
]
