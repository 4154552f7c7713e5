"""What every contender is asked to say, and with what settings."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from engines.cosyvoice.config import (
    END_OF_PROMPT_ID,
    MEL_BINS,
    SPEAKER_DIM,
    SPEECH_CODES,
    TOKEN_MEL_RATIO,
    TOKEN_RATE_HZ,
    Version,
)

TOKENS_FOR_EACH_TEXT_ID = 8
"""Speech tokens that are made for each id of the text, no more and no fewer: a third of a second,
which is about what an id takes in real speech."""
_PROMPT_TEXT_IDS = 16
_TEXT_IDS = 1_000
"""Ids are drawn below this; any would cost the same."""

Precision = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Workload:
    """One benchmark's settings.

    Attributes:
        model: which CosyVoice.
        streamed: chunk by chunk, or whole.
        speech_tokens: of each request, a multiple of 8; 25 are a second.
        prompt_tokens: speech tokens of the voice's reference.
        precision: of our engine; upstream computes in fp32.
        device: cpu or cuda.
        threads: of each tensor operation.
        final_chunk: how our engine makes a stream's last chunk, causal or full (upstream's way).
        flow_cache_blocks: seconds of mel that our flow remembers, over all streams.
        flow_cache_compact: whether it remembers them in a quarter of the memory.
        cold_voice: every request brings a voice that our engine has not seen.
        fresh_hop: set upstream's chunk size back before each request; it grows, and stays large.
    """

    model: Version
    streamed: bool
    speech_tokens: int
    prompt_tokens: int
    precision: Precision
    device: str
    threads: int
    final_chunk: Literal["causal", "full"]
    flow_cache_blocks: int
    flow_cache_compact: bool
    cold_voice: bool
    fresh_hop: bool

    @property
    def audio_s(self) -> float:
        """Audio of each request."""
        return self.speech_tokens / TOKEN_RATE_HZ

    def to_json(self) -> str:
        """The settings in one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read what ``to_json`` wrote."""
        settings = json.loads(line)
        return cls(**{**settings, "model": Version(settings["model"])})


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """The ids and features of a request.

    Attributes:
        text: ids of the text.
        prompt_text: ids of the reference's transcript.
        prompt_speech: its speech tokens, int64 [P].
        prompt_mel: its log-mel [2 P, 80].
        speaker: its speaker vector [192].
    """

    text: list[int]
    prompt_text: list[int]
    prompt_speech: Tensor
    prompt_mel: Tensor
    speaker: Tensor


def write_script(model: Version, speech_tokens: int, prompt_tokens: int) -> Script:
    """Draw a request that takes ``speech_tokens`` tokens; the same one every time.

    Raises:
        ValueError: the number is no multiple of 8.
    """
    num_text_ids, rest = divmod(speech_tokens, TOKENS_FOR_EACH_TEXT_ID)
    if rest or not num_text_ids:
        raise ValueError(
            f"{speech_tokens} speech tokens: must be a multiple of {TOKENS_FOR_EACH_TEXT_ID}"
        )
    source = torch.Generator().manual_seed(0)
    mark = [END_OF_PROMPT_ID] if model is Version.COSYVOICE3 else []
    ids = torch.randint(_TEXT_IDS, (num_text_ids + _PROMPT_TEXT_IDS,), generator=source).tolist()
    return Script(
        text=ids[:num_text_ids],
        prompt_text=ids[num_text_ids:] + mark,
        prompt_speech=torch.randint(SPEECH_CODES, (prompt_tokens,), generator=source),
        prompt_mel=torch.randn(TOKEN_MEL_RATIO * prompt_tokens, MEL_BINS, generator=source),
        speaker=torch.randn(SPEAKER_DIM, generator=source),
    )
