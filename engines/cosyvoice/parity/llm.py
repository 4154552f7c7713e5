"""Parity of the language model: log-probabilities, greedy and scripted decoding, silence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engines.cosyvoice.llm import (
    GREEDY,
    LlmDecoder,
    LlmPrompt,
    SilentRunFilter,
    SpeechLm,
    Symbol,
    Table,
    TextUtterance,
    Turn,
    Utterance,
)
from engines.cosyvoice.llm.sampling import SamplingRows, nucleus, sample, strike_out
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenArrays, GoldenVersion

_LOG_PROBABILITY_TOLERANCE = 1e-4
_CASE_MARK = "_prompt_speech_tokens"
_RANK_STRIDE = 7


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every case of ``llm.npz``."""
    arrays = version.arrays("llm")
    cases = dict(version.notes("llm")["cases"])
    for name in [key.removesuffix(_CASE_MARK) for key in arrays if key.endswith(_CASE_MARK)]:
        kind, _, rest = name.partition("_")
        if kind == "tf":
            yield from _teacher_forced(version, arrays, name)
        elif kind == "greedy" and rest in cases:
            yield from _greedy(version, arrays, name, cases.pop(rest))
        elif kind == "ras" and name in cases:
            yield from _scripted(version, arrays, name, cases.pop(name))
    for name in [key.removesuffix("_in") for key in arrays if key.startswith("silent_")]:
        if f"{name}_in" in arrays:
            yield _silence(version, arrays, name)
    yield from (Comparison.failure(name, "unknown array") for name in arrays.unused)
    yield from (Comparison.failure(name, "no arrays for this case") for name in cases)


def decode_greedily(
    version: GoldenVersion, prompt: LlmPrompt, override: Mapping[str, Any] | None
) -> tuple[TextUtterance, int]:
    """Speak ``prompt`` without chance, under a case's ``override`` of the speech head.

    Returns:
        The finished utterance, and how often the model ran.
    """
    model = _model(version, _altered(version.state("llm"), override))
    utterance = TextUtterance(version.config.llm, prompt, sampling=GREEDY)
    steps = _run(LlmDecoder(model, slots=1, capacity=64, max_capacity=8192), utterance)
    return utterance, steps


def _model(version: GoldenVersion, state: dict[str, Tensor]) -> SpeechLm:
    return SpeechLm.load(state, version.config.llm, device=version.device)


def _prompt(arrays: GoldenArrays, name: str) -> LlmPrompt:
    return LlmPrompt(
        text=arrays.ids(f"{name}_text_ids"),
        prompt_text=arrays.ids(f"{name}_prompt_text_ids"),
        prompt_speech=arrays.ids(f"{name}_prompt_speech_tokens"),
    )


def _teacher_forced(
    version: GoldenVersion, arrays: GoldenArrays, name: str
) -> Iterator[Comparison]:
    """Feed the prompt, then given tokens one by one (cached), then all of it in one pass."""
    model = _model(version, version.state("llm"))
    prompt = TextUtterance(version.config.llm, _prompt(arrays, name)).next_symbols()
    embedded = model.embed(prompt)
    yield Comparison.of(f"{name} input", embedded, arrays[f"{name}_input_embeds"], 0.0)
    forced = [Symbol(Table.SPEECH, token) for token in arrays.ids(f"{name}_forced_tokens")]
    reference = arrays[f"{name}_logp"]
    cache = model.new_cache(slots=2, capacity=len(prompt) + len(forced))
    cached = [model.forward(cache, [Turn(0, fed)]) for fed in [prompt, *([s] for s in forced)]]
    yield Comparison.of(f"{name} cached", torch.cat(cached), reference, _LOG_PROBABILITY_TOLERANCE)
    whole = model.forward(cache, [Turn(1, [*prompt, *forced])])
    yield Comparison.of(f"{name} whole", whole, reference[-1:], _LOG_PROBABILITY_TOLERANCE)


def _greedy(
    version: GoldenVersion, arrays: GoldenArrays, name: str, case: Mapping[str, Any]
) -> Iterator[Comparison]:
    utterance, steps = decode_greedily(version, _prompt(arrays, name), case["override"])
    yield Comparison.equal(name, utterance.tokens, arrays.ids(f"{name}_tokens"))
    yield Comparison.equal(
        f"{name} limits",
        [utterance.min_tokens, utterance.max_tokens, steps],
        [case["min_len"], case["max_len"], case["forward_steps"]],
    )


def _scripted(
    version: GoldenVersion, arrays: GoldenArrays, name: str, case: Mapping[str, Any]
) -> Iterator[Comparison]:
    state = version.state("llm")
    for key in ("llm_decoder.weight", "llm_decoder.bias"):
        if key in state:
            state[key] = state[key] * case["decoder_scale"]
    zeroed = case["zero_rows"] and {"zero_rows": case["zero_rows"]}
    model = _model(version, _altered(state, zeroed))
    utterance = TextUtterance(version.config.llm, _prompt(arrays, name))
    script = _ScriptedChoice()
    _run(LlmDecoder(model, slots=1, capacity=64, max_capacity=8192, choose=script), utterance)
    yield Comparison.equal(name, utterance.tokens, arrays.ids(f"{name}_tokens"))
    yield Comparison.equal(f"{name} draws", script.draws, arrays[f"{name}_draws"].tolist())


def _altered(state: dict[str, Tensor], override: Mapping[str, Any] | None) -> dict[str, Tensor]:
    """Apply a case's change to the rows of the speech head."""
    if override is None:
        return state
    for key in ("llm_decoder.weight", "llm_decoder.bias"):
        if key not in state:
            continue
        rows = state[key] = state[key].clone()
        if "zero_rows" in override:
            first, last = override["zero_rows"]
            rows[first : last + 1] = 0.0
        else:
            rows[override["row"]] = rows[override["copy_of_row"]] * override["factor"]
    return state


def _run(decoder: LlmDecoder, utterance: TextUtterance) -> int:
    """Decode to the end; returns how often the model ran: not at all for an empty text."""
    decoder.join(utterance)
    steps = 1
    while not decoder.step().finished:
        steps += 1
    return steps if utterance.max_tokens else 0


class _ScriptedChoice:
    """Draws that need no randomness: a stride over the candidates' ranks, or the arg max."""

    def __init__(self) -> None:
        self.draws: list[list[int]] = []
        self._count = 0

    def __call__(self, scores: Tensor, utterances: Sequence[Utterance]) -> Tensor:
        rows = SamplingRows.of(
            [utterance.sampling for utterance in utterances],
            [utterance.tokens for utterance in utterances],
            scores.device,
        )
        candidates = nucleus(scores, rows)
        kept = int((candidates.weights > 0).sum())
        rank = torch.tensor([_RANK_STRIDE * self._count % kept], device=scores.device)
        self._count += 1
        self.draws.append([0, kept])
        picked = candidates.ids[0, rank]
        others = strike_out(scores, picked)
        if int((rows.recent == picked).sum()) >= float(rows.repeat_limit):
            self.draws.append([1, int((others > 0).sum())])
        return sample(scores, rows, lambda _: rank, lambda weights: weights.argmax(dim=-1))


def _silence(version: GoldenVersion, arrays: GoldenArrays, name: str) -> Comparison:
    silence = SilentRunFilter.for_model(version.config.llm)
    spoken = [token for token in arrays.ids(f"{name}_in") if silence.passes(token)]
    return Comparison.equal(name, spoken, arrays.ids(f"{name}_out"))
