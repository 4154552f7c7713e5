import math

import pytest
import torch
from tiny_models import llm_config

from engines.cosyvoice.config import SamplingConfig
from engines.cosyvoice.llm import GREEDY, SilentRunFilter
from engines.cosyvoice.llm.sampling import (
    SamplingRows,
    UniformStream,
    inverse_cdf,
    nucleus,
    sample,
    strike_out,
)

CPU = torch.device("cpu")


def rows(*settings, histories=None):
    return SamplingRows.of(settings, histories or [[]] * len(settings), CPU)


def candidates_by_loop(scores, settings):
    """One token after the other, as upstream words it."""
    probabilities = scores.softmax(0)
    order = sorted(range(len(scores)), key=lambda i: (-float(probabilities[i]), i))
    total, kept = torch.tensor(0.0), []
    for index in order:
        if not (total < settings.top_p and len(kept) < settings.top_k):
            break
        total = total + probabilities[index]
        kept.append(index)
    return kept


def random_scores(count, size, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, size, generator=generator)
    scores *= torch.logspace(-2, 1, count)[:, None]
    return scores.log_softmax(-1)


def test_candidates_equal_a_loop_over_the_vocabulary():
    settings = [
        SamplingConfig(top_p=(0.1, 0.5, 0.8, 0.99)[i % 4], top_k=(1, 3, 25, 40)[i // 4 % 4])
        for i in range(200)
    ]
    scores = random_scores(200, 90, 1)
    scores[::3] = (scores[::3] * 2).round() / 2  # ties
    found = nucleus(scores, rows(*settings))
    for row, setting in enumerate(settings):
        kept = found.ids[row, found.weights[row] > 0].tolist()
        assert kept == candidates_by_loop(scores[row], setting)


def test_the_token_that_crosses_top_p_is_kept_and_ties_go_to_lower_ids():
    scores = torch.tensor([[0.05, 0.15, 0.5, 0.15, 0.15]]).log()
    found = nucleus(scores, rows(SamplingConfig(top_p=0.6)))
    assert found.ids[0, found.weights[0] > 0].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("window", "tau", "history", "repeats"),
    [
        (10, 0.1, [7], True),
        (10, 0.1, [7] + [1] * 9, True),
        (10, 0.1, [7] + [1] * 10, False),
        (10, 0.1, [], False),
        (3, 0.5, [7, 1, 1], False),
        (3, 0.5, [7, 7, 1], True),
        (10, 2.0, [7] * 10, False),
    ],
)
def test_a_repeated_token_is_struck_out(window, tau, history, repeats):
    scores = torch.zeros(1, 9)
    scores[0, 7] = 5.0
    settings = SamplingConfig(top_p=0.9, window=window, tau=tau)
    first = inverse_cdf(torch.zeros(1, dtype=torch.float64))
    batch = rows(settings, histories=[history])
    token = sample(scores, batch, first, lambda weights: weights.argmin(-1))
    assert token.tolist() == [7]  # struck out, it is the least likely of all
    token = sample(scores, batch, first, lambda weights: weights.argmax(-1))
    assert (token.tolist() != [7]) == repeats


def test_rows_of_one_batch_have_their_own_settings():
    scores = random_scores(1, 60, 4).expand(3, -1).contiguous()
    settings = (GREEDY, SamplingConfig(top_p=0.999, top_k=60), SamplingConfig(window=4, tau=0.25))
    top = int(scores[0].argmax())
    batch = rows(*settings, histories=[[top] * 9, [], [top]])
    last = inverse_cdf(torch.full((3,), 1 - 1e-12, dtype=torch.float64))
    together = sample(scores, batch, last, last)
    alone = [
        sample(scores[:1], rows(setting, histories=[history]), one, one)
        for setting, history in zip(settings, ([top] * 9, [], [top]), strict=True)
        for one in [inverse_cdf(torch.full((1,), 1 - 1e-12, dtype=torch.float64))]
    ]
    assert together.tolist() == torch.cat(alone).tolist()
    assert together[0] == top


@pytest.mark.parametrize("uniform", [0.0, 0.3, 1 - 2**-53])
def test_impossible_tokens_are_never_drawn(uniform):
    weights = torch.tensor([[0.0, 1e-30, 0.0, 0.7, 0.0, 0.3, 0.0]])
    drawn = inverse_cdf(torch.tensor([uniform], dtype=torch.float64))(weights)
    assert weights[0, drawn[0]] > 0


def test_draws_follow_the_weights():
    weights = torch.tensor([0.1, 0.0, 0.25, 0.4, 0.05])
    count = 20_000
    uniforms = torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    drawn = inverse_cdf(uniforms)(weights.expand(count, -1))
    frequency = torch.bincount(drawn, minlength=5) / count
    expected = weights / weights.sum()
    spread = (expected * (1 - expected) / count).sqrt()
    assert ((frequency - expected).abs() <= 4 * spread + 1e-12).all()


def test_striking_out_survives_an_overwhelming_favourite():
    scores = torch.tensor([[0.0, -200.0, -201.0]])
    left = strike_out(scores, torch.tensor([0]))
    assert left[0].tolist() == pytest.approx([0, 1 / (1 + math.exp(-1)), 1 / (1 + math.e)])


def test_uniforms_depend_on_the_seed_only():
    first, again, other = UniformStream(5), UniformStream(5), UniformStream(6)
    drawn = [first.next_pair() for _ in range(200)]
    assert [again.next_pair() for _ in range(200)] == drawn
    assert [other.next_pair() for _ in range(200)] != drawn
    assert len({u for pair in drawn for u in pair}) == 400
    assert UniformStream(None).next_pair() != UniformStream(None).next_pair()


def test_only_the_silence_beyond_the_longest_run_is_dropped():
    keeps = SilentRunFilter({1, 2}, 3)
    tokens = [1, 2, 1, 2, 9, 1, 1, 1, 1, 1, 9, 2]
    assert [t for t in tokens if keeps.passes(t)] == [1, 2, 1, 9, 1, 1, 1, 9, 2]


def test_cosyvoice_2_drops_no_silence():
    keeps = SilentRunFilter.for_model(llm_config())
    assert all(keeps.passes(1) for _ in range(20))
