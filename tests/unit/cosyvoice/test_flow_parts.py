"""The parts of the flow that were rewritten for speed, against the plain form."""

import math

import pytest
import torch
from flow_worlds import SIZES, state_of
from torch.nn import functional

from engines.cosyvoice.flow.conformer import RelativeScores, distance_encodings
from engines.cosyvoice.flow.convolution import CausalConv, GroupedCausalConv
from engines.cosyvoice.flow.front import load_front
from engines.cosyvoice.flow.groups import Segment, Style
from engines.cosyvoice.flow.layers import gelu_tanh, mish
from engines.cosyvoice.flow.layout import Layout, sliding
from engines.cosyvoice.flow.lookahead import Lookahead, TokenWindow
from engines.cosyvoice.flow.memory import BlockStore, NoMemory, StateShape
from engines.cosyvoice.flow.time_grid import TimeGrid
from engines.cosyvoice.flow.weights import Weights

CPU = torch.device("cpu")
STYLE = Style(chunked=True, merged=False, device=CPU)


def weights_of(**tensors: torch.Tensor) -> Weights:
    state = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return Weights(state, CPU, torch.float32)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", [1.0, 30.0, 200.0])
def test_activations(scale: float):
    x = drawn(1000) * scale
    torch.testing.assert_close(mish(x), functional.mish(x), rtol=2e-6, atol=2e-6)
    gelu = functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(gelu_tanh(x), gelu, rtol=2e-6, atol=2e-6)


def test_sliding_windows_stay_inside_their_sequence():
    assert sliding([3, 2], 2).view(-1, 2).tolist() == [[0, 1], [1, 2], [3, 4]]


def causal(kind: str, kernel: int) -> tuple[CausalConv | GroupedCausalConv, torch.Tensor]:
    """A convolution of 12 channels, and what it makes of 60 positions."""
    groups = 3 if kind == "grouped" else 1
    weight, bias, x = drawn(12, 12 // groups, kernel, seed=1), drawn(12, seed=2), drawn(60, 12)
    weights = weights_of(conv__weight=weight, conv__bias=bias)
    if kind == "grouped":
        conv = GroupedCausalConv.load(weights, "conv", 0, 12, kernel, groups)
    else:
        conv = CausalConv.load(weights, "conv", 0, 12, 12, kernel)
    padded = functional.pad(x.t(), (kernel - 1, 0))[None]
    expected = functional.conv1d(padded, weight, bias, groups=groups)[0].t()
    return conv, expected


@pytest.mark.parametrize("kind", ["unfolded", "grouped"])
@pytest.mark.parametrize("kernel", [3, 10])
def test_convolutions_go_on_from_what_they_remember(kind: str, kernel: int):
    """Sequences at different places in one packing, in blocks of 10 positions."""
    conv, expected = causal(kind, kernel)
    x = drawn(60, 12)
    memory = BlockStore(StateShape((), (conv.state,)), 1, 8, torch.float32, CPU).view(0, 1)
    first = Layout([Segment(20, (), (3, 1)), Segment(10, (), (5,))], 10, STYLE)
    torch.testing.assert_close(
        conv(torch.cat([x[:20], x[:10]]), first, memory),
        torch.cat([expected[:20], expected[:10]]),
        rtol=1e-5,
        atol=1e-5,
    )
    then = [Segment(33, (5,), ()), Segment(10, (3, 1), (2,)), Segment(7, (3,), ())]
    rows = torch.cat([x[10:43], x[20:30], x[10:17]])
    wanted = torch.cat([expected[10:43], expected[20:30], expected[10:17]])
    mixed = conv(rows, Layout(then, 10, STYLE), memory)
    torch.testing.assert_close(mixed, wanted, rtol=1e-5, atol=1e-5)


def test_relative_scores_are_those_of_their_definition():
    heads, head_dim, past, length = 2, 8, 30, 20
    width, seen = heads * head_dim, past + length
    projection, shift = drawn(width, width, seed=1), drawn(heads, head_dim, seed=2)
    queries = drawn(1, heads, length, head_dim, seed=3)
    scores = RelativeScores(projection, shift, torch.float32)(queries, past, seen)
    encodings = distance_encodings(seen, width) @ projection.t()
    for i in range(length):
        for j in range(seen):
            distance = past + i - j
            key = encodings[seen - 1 - distance].view(heads, head_dim)
            expected = ((queries[0, :, i] + shift) * key).sum(1) / math.sqrt(head_dim)
            torch.testing.assert_close(scores[0, :, i, j], expected, rtol=1e-4, atol=1e-4)


def test_relative_scores_reach_further_when_needed():
    scores = RelativeScores(drawn(16, 16), drawn(2, 8), torch.float32)
    queries = drawn(1, 2, 5, 8)
    near = scores(queries, 10, 15)
    scores(queries, 1995, 2000)
    torch.testing.assert_close(scores(queries, 10, 15), near, rtol=1e-5, atol=1e-5)


def test_doubling_then_convolving_is_one_convolution():
    front = load_front(Weights(state_of("unet-1-head"), CPU, torch.float32), SIZES["unet-1-head"])
    state = state_of("unet-1-head")
    x = drawn(40, 32)
    layout = Layout([Segment(40)], 25, STYLE)
    ours = front.upsample(x, layout, NoMemory()).view(80, 32)
    doubled = functional.pad(x.repeat_interleave(2, 0).t(), (4, 0))[None]
    names = ("encoder.up_layer.conv.weight", "encoder.up_layer.conv.bias")
    expected = functional.conv1d(doubled, *(state[name] for name in names))[0].t()
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("start", "stop"), [(0, 9), (0, 6), (1, 4), (5, 9), (8, 9)])
def test_lookahead_is_the_same_from_any_start(start: int, stop: int):
    table, tokens = drawn(10, 4), torch.tensor([3, 1, 4, 1, 5, 9, 2, 6, 5])
    conv1, bias1 = drawn(6, 4, 4, seed=1), drawn(6, seed=2)
    conv2, bias2 = drawn(4, 6, 3, seed=3), drawn(4, seed=4)
    weights = weights_of(
        conv1__weight=conv1, conv1__bias=bias1, conv2__weight=conv2, conv2__bias=bias2
    )
    lookahead = Lookahead.load(weights, table, 6)
    embedded = table[tokens].t()[None]
    hidden = functional.conv1d(functional.pad(embedded, (0, 3)), conv1, bias1)
    hidden = functional.pad(functional.leaky_relu(hidden), (2, 0))
    expected = (functional.conv1d(hidden, conv2, bias2) + embedded)[0].t()
    other = TokenWindow.cut(tokens, 0, 5)
    mixed = lookahead([other, TokenWindow.cut(tokens, start, stop)])
    torch.testing.assert_close(mixed[5:], expected[start:stop], rtol=1e-5, atol=1e-5)


def test_the_grid_ends_at_one():
    grid = TimeGrid.cosine(10)
    assert grid.times[0] == 0
    assert sum(grid.durations) == pytest.approx(1, abs=1e-6)
    assert list(grid.times) == sorted(grid.times)
