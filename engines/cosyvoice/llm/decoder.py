"""Continuous batching: requests join and leave a running batch at any step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engines.cosyvoice.llm.cache import CacheFullError
from engines.cosyvoice.llm.model import SpeechLm, Symbol, Turn
from engines.cosyvoice.llm.sampling import SamplingRows, inverse_cdf, sample
from engines.cosyvoice.llm.streamed import UnexpectedTokenError
from engines.cosyvoice.llm.utterance import Utterance

ChooseTokens = Callable[[Tensor, Sequence[Utterance]], Tensor]
"""Picks a token for each row of scores [b, output_size]; int64 [b]."""


@dataclass(slots=True)
class StepResult:
    """What one step brought. Finished and failed utterances have left the batch.

    ``fed`` counts the symbols that went through the model: prompts, and a token for each row.
    """

    speech: list[tuple[Utterance, int]] = field(default_factory=list)
    finished: list[Utterance] = field(default_factory=list)
    failed: list[tuple[Utterance, Exception]] = field(default_factory=list)
    fed: int = 0


@dataclass(slots=True)
class _Seat:
    slot: int
    pending: list[Symbol] = field(default_factory=list)


def choose_by_sampling(scores: Tensor, utterances: Sequence[Utterance]) -> Tensor:
    """Draw with each utterance's own settings, history and uniforms."""
    rows = SamplingRows.of(
        [utterance.sampling for utterance in utterances],
        [utterance.tokens for utterance in utterances],
        scores.device,
    )
    pairs = [utterance.uniforms.next_pair() for utterance in utterances]
    uniforms = torch.tensor(pairs, dtype=torch.float64).to(scores.device)
    return sample(scores, rows, inverse_cdf(uniforms[:, 0]), inverse_cdf(uniforms[:, 1]))


class LlmDecoder:
    """Runs many utterances through one model, a token each at every step.

    Prompts are fed beside the decoding rows, at most ``prefill_symbols`` of them a step, so that a
    long prompt delays nobody by more than that.

    Args:
        slots: how many utterances run at once.
        capacity: positions for each, at first; the cache doubles up to ``max_capacity``.
        choose: how tokens are picked; a test may script it.
    """

    def __init__(
        self,
        model: SpeechLm,
        *,
        slots: int,
        capacity: int,
        max_capacity: int | None = None,
        prefill_symbols: int = 512,
        choose: ChooseTokens = choose_by_sampling,
    ) -> None:
        self._model = model
        self._cache = model.new_cache(slots=slots, capacity=capacity, max_capacity=max_capacity)
        self._prefill_symbols = prefill_symbols
        self._choose = choose
        self._seats: dict[Utterance, _Seat] = {}

    @property
    def free_slots(self) -> int:
        """How many more utterances may join."""
        return self._cache.free_slots

    @property
    def num_bytes(self) -> int:
        """Memory of the key/value cache."""
        return self._cache.num_bytes

    def join(self, utterance: Utterance) -> None:
        """Seat ``utterance``; its prompt is fed from the next step on.

        Raises:
            NoFreeSlotError: all slots are taken.
            CacheFullError: it may need more positions than the cache can hold.
        """
        if utterance.most_positions > self._cache.max_capacity:
            raise CacheFullError(
                f"the utterance may take {utterance.most_positions} positions, "
                f"the cache holds {self._cache.max_capacity}"
            )
        self._seats[utterance] = _Seat(self._cache.acquire())

    def leave(self, utterance: Utterance) -> None:
        """Drop ``utterance`` wherever it is; does nothing if it has left already."""
        seat = self._seats.pop(utterance, None)
        if seat is not None:
            self._cache.release(seat.slot)

    def step(self) -> StepResult:
        """Advance every seated utterance that has something to feed.

        An empty result with nobody finished means that all wait for text.
        """
        result = StepResult()
        self._dismiss(result)
        turns = self._turns(result)
        if not turns:
            return result
        result.fed = sum(len(turn.symbols) for turn in turns.values())
        scores = self._model.forward(self._cache, list(turns.values()))
        scored = [utterance for utterance, turn in turns.items() if turn.scored]
        for utterance, token in zip(scored, self._pick(scores, scored), strict=True):
            self._deliver(utterance, token, result)
        self._dismiss(result)
        return result

    def _turns(self, result: StepResult) -> dict[Utterance, Turn]:
        """Give decoding rows one symbol each, and prompts what the step's budget leaves."""
        budget = self._prefill_symbols
        turns: dict[Utterance, Turn] = {}
        for utterance, seat in list(self._seats.items()):
            if not seat.pending:
                seat.pending = list(utterance.next_symbols())
            count = len(seat.pending)
            if count > 1:
                count = min(count, budget)
                budget -= count
            if not count:
                continue
            if self._cache.lengths[seat.slot] + count > self._cache.max_capacity:
                self._fail(utterance, CacheFullError("the utterance outgrew the cache"), result)
                continue
            fed, seat.pending = seat.pending[:count], seat.pending[count:]
            turns[utterance] = Turn(seat.slot, fed, scored=not seat.pending)
        return turns

    @torch.inference_mode()
    def _pick(self, scores: Tensor, utterances: Sequence[Utterance]) -> list[int]:
        """Choose a token for each row; the one place that waits for the device."""
        forced = [utterance.forced_token for utterance in utterances]
        free = [index for index, token in enumerate(forced) if token is None]
        drawn: list[int] = []
        if free:
            choosers = [utterances[index] for index in free]
            if len(free) < len(forced):
                scores = scores[torch.tensor(free, device=scores.device)]
            drawn = self._choose(_masked(scores, choosers), choosers).tolist()
        remaining = iter(drawn)
        return [next(remaining) if token is None else token for token in forced]

    def _deliver(self, utterance: Utterance, token: int, result: StepResult) -> None:
        try:
            spoken = utterance.accept(token)
        except UnexpectedTokenError as error:
            self._fail(utterance, error, result)
            return
        if spoken is not None:
            result.speech.append((utterance, spoken))

    def _fail(self, utterance: Utterance, error: Exception, result: StepResult) -> None:
        self.leave(utterance)
        result.failed.append((utterance, error))

    def _dismiss(self, result: StepResult) -> None:
        for utterance in [utterance for utterance in self._seats if utterance.finished]:
            self.leave(utterance)
            result.finished.append(utterance)


def _masked(scores: Tensor, utterances: Sequence[Utterance]) -> Tensor:
    """Forbid each utterance's masked ids; ``scores`` is changed."""
    cells = [
        (row, masked) for row, utterance in enumerate(utterances) for masked in utterance.masked_ids
    ]
    if cells:
        rows, ids = torch.tensor(cells, device=scores.device).T
        scores[rows, ids] = float("-inf")
    return scores
