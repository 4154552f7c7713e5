"""The speech language model: text and speech tokens in, scores of the next speech token out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Self

import torch
from torch import Tensor

from engines.cosyvoice.config import LlmConfig
from engines.cosyvoice.llm.attention import AttentionPlan
from engines.cosyvoice.llm.cache import KvCache
from engines.cosyvoice.llm.layer import DecoderLayer, Placement, RmsNorm
from engines.cosyvoice.llm.linear import Linear, LlmWeights, make_linear
from engines.cosyvoice.llm.rope import RotaryTable
from engines.cosyvoice.weights import StateReader

_MAX_POSITIONS = 16_384
_BODY = "llm.model.model"


class Table(Enum):
    """Which embedding table a symbol is looked up in."""

    TEXT = auto()
    SPEECH = auto()
    SPECIAL = auto()
    """Start of sequence and task; CosyVoice 3 keeps them among the speech rows."""


class Symbol(NamedTuple):
    """One position of the model's input."""

    table: Table
    row: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What one request adds in a forward pass.

    ``scored`` says whether the scores after its last symbol are wanted: not after a piece of a
    prompt that goes on.
    """

    slot: int
    symbols: Sequence[Symbol]
    scored: bool = True


class SpeechLm:
    """A Qwen2 body with speech tables and a speech head; the vocabulary head is left out.

    The residual stream, norm statistics, softmax and the head are fp32 in every precision; the
    linear maps and the cache are in ``dtype``. Upstream: cosyvoice/llm/llm.py.
    """

    def __init__(
        self,
        config: LlmConfig,
        layers: Sequence[DecoderLayer],
        norm: RmsNorm,
        tables: Mapping[Table, Tensor],
        head: Linear,
        place: Placement,
    ) -> None:
        self.config = config
        self.device = place.device
        self.dtype = place.dtype
        self._layers = layers
        self._norm = norm
        self._tables = tables
        self._head = head
        self._rotary = RotaryTable(config.head_dim, config.rope_theta, _MAX_POSITIONS, place.device)

    @classmethod
    def load(
        cls,
        state: Mapping[str, Tensor],
        config: LlmConfig,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        weights: LlmWeights = "native",
    ) -> Self:
        """Build the model from the state dict of ``llm.pt``.

        Raises:
            WeightsError: keys are missing, left over, or of another shape.
            ValueError: int8 weights on another device than the CPU.
        """
        place = Placement(torch.device(device), dtype, weights)
        with StateReader("llm.pt", state) as reader:
            layers = [
                DecoderLayer.load(reader, f"{_BODY}.layers.{index}", config, place)
                for index in range(config.layers)
            ]
            norm = place.vector(reader.take(f"{_BODY}.norm.weight", config.hidden))
            tables = _read_tables(reader, config, place)
            head = _read_head(reader, config, place)
            reader.skip("llm.model.lm_head.weight")
        return cls(
            config, layers, RmsNorm(norm, config.norm_eps, torch.float32), tables, head, place
        )

    def new_cache(self, *, slots: int, capacity: int, max_capacity: int | None = None) -> KvCache:
        """Make a cache in the model's dtype, on its device."""
        return KvCache(
            self.config,
            slots=slots,
            capacity=capacity,
            max_capacity=max_capacity,
            dtype=self.dtype,
            device=self.device,
        )

    def embed(self, symbols: Sequence[Symbol]) -> Tensor:
        """Look ``symbols`` up; fp32 [n, hidden]."""
        runs = [
            self._tables[table][torch.tensor([symbol.row for symbol in run], device=self.device)]
            for table, run in groupby(symbols, key=attrgetter("table"))
        ]
        return torch.cat(runs).float()

    @torch.inference_mode()
    def forward(self, cache: KvCache, turns: Sequence[Turn]) -> Tensor:
        """Feed every turn's symbols into its slot, in one pass.

        Turns are of any mix: one symbol (decoding) or many (a prompt or a piece of one).

        Returns:
            Log-probabilities, fp32 [scored turns, output_size], in the order of ``turns``.

        Raises:
            CacheFullError: a slot would outgrow the cache; nothing is changed then.
        """
        needed = [cache.lengths[turn.slot] + len(turn.symbols) for turn in turns]
        cache.reserve(max(needed))
        order = sorted(
            range(len(turns)), key=lambda index: (len(turns[index].symbols) > 1, turns[index].slot)
        )
        ordered = [turns[index] for index in order]
        plan = AttentionPlan.of(cache, [(turn.slot, len(turn.symbols)) for turn in ordered])
        hidden = self._body(self.embed([s for turn in ordered for s in turn.symbols]), cache, plan)
        for turn, length in zip(turns, needed, strict=True):
            cache.lengths[turn.slot] = length
        return self._scores(hidden, _last_positions(turns, order))

    def _body(self, hidden: Tensor, cache: KvCache, plan: AttentionPlan) -> Tensor:
        rotary = self._rotary.at(plan.positions)
        for layer, cached in zip(self._layers, cache.layers, strict=True):
            hidden = layer.forward(hidden, cached, plan, rotary)
        return hidden

    def _scores(self, hidden: Tensor, positions: list[int]) -> Tensor:
        if positions != list(range(hidden.shape[0])):
            hidden = hidden[torch.tensor(positions, dtype=torch.int64, device=self.device)]
        return self._head(self._norm(hidden)).log_softmax(dim=-1)


def _last_positions(turns: Sequence[Turn], order: Sequence[int]) -> list[int]:
    """Where the last symbol of each scored turn lies in the packed batch, in turn order."""
    ends: dict[int, int] = {}
    end = 0
    for index in order:
        end += len(turns[index].symbols)
        ends[index] = end - 1
    return [ends[index] for index, turn in enumerate(turns) if turn.scored]


def _read_tables(reader: StateReader, config: LlmConfig, place: Placement) -> dict[Table, Tensor]:
    text = reader.take(f"{_BODY}.embed_tokens.weight", config.text_vocab, config.hidden)
    speech = reader.take("speech_embedding.weight", config.output_size, config.hidden)
    special = speech
    if config.separate_special_embedding:
        special = reader.take("llm_embedding.weight", 2, config.hidden)
    tables = {Table.TEXT: text, Table.SPEECH: speech, Table.SPECIAL: special}
    return {name: table.to(place.device, place.dtype) for name, table in tables.items()}


def _read_head(reader: StateReader, config: LlmConfig, place: Placement) -> Linear:
    weight = place.vector(reader.take("llm_decoder.weight", config.output_size, config.hidden))
    bias = None
    if config.output_bias:
        bias = place.vector(reader.take("llm_decoder.bias", config.output_size))
    return make_linear(weight, bias, dtype=torch.float32)
