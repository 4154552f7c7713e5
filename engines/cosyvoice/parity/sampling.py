"""Parity of repetition-aware sampling on given score vectors."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from engines.cosyvoice.config import SamplingConfig
from engines.cosyvoice.llm.sampling import SamplingRows, nucleus, sample, strike_out
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenArrays, GoldenVersion

_PROBABILITY_TOLERANCE = 1e-5


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every vector of ``sampling.npz``."""
    arrays = version.arrays("sampling")
    for name in [key.removesuffix("_scores") for key in arrays if key.endswith("_scores")]:
        yield from _vector(arrays, name, version.config.llm.sampling)
    yield from (Comparison.failure(name, "unknown array") for name in arrays.unused)


def _vector(arrays: GoldenArrays, name: str, settings: SamplingConfig) -> Iterator[Comparison]:
    scores = arrays.tensor(f"{name}_scores")[None]
    history = arrays.ids(f"{name}_history")
    rows = SamplingRows.of([settings], [history], scores.device)
    candidates = nucleus(scores, rows)
    kept = candidates.weights[0] > 0
    ids = candidates.ids[0, kept]
    yield Comparison.equal(f"{name} ranks", ids.tolist(), arrays.ids(f"{name}_kept_ids_by_rank"))
    yield Comparison.equal(f"{name} ids", sorted(ids.tolist()), arrays.ids(f"{name}_kept_ids"))
    yield Comparison.of(
        f"{name} probabilities",
        candidates.weights[0, kept],
        arrays[f"{name}_kept_probs_by_rank"],
        _PROBABILITY_TOLERANCE,
    )
    repeats = arrays.ids(f"{name}_fallback_if_picked_by_rank")
    yield Comparison.equal(
        f"{name} repetition", _repetitions(scores, settings, history, ids), repeats
    )
    pick = int(arrays[f"{name}_pick"])
    triggers = repeats[ids.tolist().index(pick)]
    yield Comparison.equal(
        f"{name} pick", [triggers], [int(arrays[f"{name}_pick_triggers_fallback"])]
    )
    if triggers:
        yield from _fallback(
            arrays, name, strike_out(scores, torch.tensor([pick], device=scores.device))[0]
        )


def _repetitions(
    scores: Tensor, settings: SamplingConfig, history: list[int], ids: Tensor
) -> list[int]:
    """Whether picking each candidate makes the sampler draw again."""
    count = len(ids)
    rows = SamplingRows.of([settings] * count, [history] * count, scores.device)
    ranks = torch.arange(count, device=scores.device)
    other = (ids + 1) % scores.shape[1]
    tokens = sample(scores.expand(count, -1), rows, lambda _: ranks, lambda _: other)
    return (tokens != ids).int().tolist()


def _fallback(arrays: GoldenArrays, name: str, probabilities: Tensor) -> Iterator[Comparison]:
    support = int((probabilities > 0).sum())
    yield Comparison.equal(
        f"{name} fallback support", [support], [int(arrays[f"{name}_fallback_support_size"])]
    )
    impossible = (probabilities == 0).nonzero()[:, 0].tolist()
    yield Comparison.equal(
        f"{name} fallback zeros", impossible, arrays.ids(f"{name}_fallback_zero_ids")
    )
    if f"{name}_fallback_probs" in arrays:
        reference = arrays[f"{name}_fallback_probs"]
    else:
        places = arrays[f"{name}_fallback_top50_ids"].astype(np.int64)
        probabilities = probabilities[torch.from_numpy(places).to(probabilities.device)]
        reference = arrays[f"{name}_fallback_top50_probs"]
    yield Comparison.of(
        f"{name} fallback probabilities", probabilities, reference, _PROBABILITY_TOLERANCE
    )
