"""The flow against upstream's own numbers."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import torch
from flow_golden import VERSIONS, Golden, golden, golden_flow
from torch import Tensor

from engines.cosyvoice.flow import Chunk, Final, Flow, FlowRequest, FlowStream, Prompt
from engines.cosyvoice.flow.batch import Batch, Stretch
from engines.cosyvoice.flow.groups import Style
from engines.cosyvoice.flow.lookahead import TokenWindow
from engines.cosyvoice.flow.memory import NoMemory

TOLERANCE = 1e-4
STREAMS = ("stream_fresh", "stream_hop50", "stream_hop100")
OFFLINE = ("offline0", "offline1", "offline2")

pytestmark = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
def reference(version: str) -> Golden:
    return golden(version)


@pytest.fixture
def flow(version: str) -> Iterator[Flow]:
    flow = golden_flow(version)
    free = flow.free_blocks
    yield flow
    assert flow.free_blocks == free


@contextmanager
def opened(flow: Flow, prompt: Prompt) -> Iterator[FlowStream]:
    with closing(flow.voice(prompt)) as voice, closing(flow.open(voice)) as stream:
        yield stream


def request_of(flow: Flow, reference: Golden, case: str) -> FlowRequest:
    return FlowRequest(reference.prompt(flow, case), reference.tensor(f"{case}_token"))


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("case", OFFLINE)
def test_offline_alone(flow: Flow, reference: Golden, case: str):
    (mel,) = flow.offline([request_of(flow, reference, case)])
    assert_close(mel, reference.tensor(f"{case}_mel"))


@pytest.mark.parametrize("merged", [False, True])
def test_offline_in_a_ragged_batch(reference: Golden, merged: bool):
    flow = Flow.load(reference.config, reference.state, merged=merged)
    mels = flow.offline([request_of(flow, reference, case) for case in OFFLINE])
    for case, mel in zip(OFFLINE, mels, strict=True):
        assert_close(mel, reference.tensor(f"{case}_mel"))


@pytest.mark.parametrize(
    ("name", "chunked", "finalize"),
    [
        ("mel_streaming_final", True, True),
        ("mel_streaming_notfinal", True, False),
        ("mel_full_attention_notfinal", False, False),
    ],
)
def test_offline_variants(flow: Flow, reference: Golden, name: str, chunked: bool, finalize: bool):
    request = request_of(flow, reference, "offline0")
    (mel,) = flow.offline([request], chunked=chunked, finalize=finalize)
    assert_close(mel, reference.tensor(f"offline0_{name}"))


def test_noise_and_times(flow: Flow, reference: Golden):
    noise = reference.tensor("noise")
    torch.testing.assert_close(flow._solver.noise[: noise.shape[1]].t(), noise, rtol=0, atol=0)
    times = reference.tensor("offline0_dbg_t").tolist()
    assert list(flow._solver.grid.times) == times


@torch.inference_mode()
def test_intermediate_values(flow: Flow, reference: Golden):
    request = request_of(flow, reference, "offline0")
    sequence = torch.cat([request.prompt.tokens, request.tokens.long()])
    stretch = Stretch(request.prompt, sequence, 0, len(sequence))
    solver = flow._solver
    batch = Batch([stretch], 0, Style(chunked=False, merged=False, device=torch.device("cpu")))

    ahead = solver.front.lookahead([TokenWindow.cut(sequence, 0, len(sequence))])
    assert_close(ahead, reference.tensor("offline0_dbg_pre_lookahead_out"))
    mu = solver.mean(batch, None)
    assert_close(mu.t(), reference.tensor("offline0_dbg_mu"))
    assert_close(request.prompt.speaker, reference.tensor("offline0_dbg_spks"))

    condition = solver._guided_condition(batch, solver._condition(batch, mu))
    for step in (0, 1):
        x = reference.tensor(f"offline0_dbg_step{step + 1}_x").t()
        rows = x.index_select(0, batch.guided_frames)
        velocity = solver.estimator(rows, condition, step, batch.guided, NoMemory())
        expected = reference.tensor(f"offline0_dbg_step{step + 1}_est")
        assert_close(velocity[batch.conditional].t(), expected[0])
        assert_close(velocity[batch.unconditional].t(), expected[1])

    (mel,) = solver.solve([stretch], chunked=False)
    assert_close(mel.t(), reference.tensor("offline0_dbg_full_mel"))


@pytest.mark.parametrize("final", list(Final))
@pytest.mark.parametrize("case", STREAMS)
def test_streams(flow: Flow, reference: Golden, case: str, final: Final):
    tokens, given = reference.tensor(f"{case}_token"), 0
    with opened(flow, reference.prompt(flow, case)) as stream:
        for number, chunk in enumerate(reference.chunks[case]["chunks"]):
            last, passed = chunk["finalize"], chunk["tokens_passed"]
            name = f"chunk{number}_mel"
            if last and final is Final.CAUSAL:
                name = "final_streaming_mel"
            (mel,) = flow.advance([Chunk(stream, tokens[given:passed], final if last else None)])
            assert_close(mel, reference.tensor(f"{case}_{name}"))
            given = passed
        assert stream.closed


def test_fixed_hops(flow: Flow, reference: Golden):
    tokens, given, mels = reference.tensor("stream_fresh_token"), 0, []
    with opened(flow, reference.prompt(flow, "stream_fresh")) as stream:
        for chunk in reference.chunks["hop25_same_inputs_as_stream_fresh"]["chunks"]:
            passed = chunk["tokens_passed"]
            assert stream.tokens_needed(25) == passed - given
            mels += flow.advance([Chunk(stream, tokens[given:passed])])
            given = passed
    for number in (0, 1):
        assert_close(mels[number], reference.tensor(f"hop25_chunk{number}_mel"))
    streamed = torch.cat([reference.tensor(f"stream_fresh_chunk{n}_mel") for n in range(3)], 1)
    assert_close(torch.cat(mels, 1), streamed)


@pytest.mark.parametrize("merged", [False, True])
def test_streams_advance_together(reference: Golden, merged: bool):
    """Different histories and chunk lengths, first and last chunks, in the same calls."""
    flow = Flow.load(reference.config, reference.state, cache_blocks=40, merged=merged)
    streams = {case: flow.open(flow.voice(reference.prompt(flow, case))) for case in STREAMS}
    rounds = max(len(reference.chunks[case]["chunks"]) for case in STREAMS)
    for number in range(rounds):
        names, chunks = [], []
        for case, stream in streams.items():
            if stream.closed:
                continue
            passed = [chunk["tokens_passed"] for chunk in reference.chunks[case]["chunks"]]
            tokens = reference.tensor(f"{case}_token")
            given = passed[number - 1] if number else 0
            last = passed[number] == len(tokens)
            final = Final.CAUSAL if last else None
            chunks.append(Chunk(stream, tokens[given : passed[number]], final))
            names.append(f"{case}_final_streaming_mel" if last else f"{case}_chunk{number}_mel")
        for name, mel in zip(names, flow.advance(chunks), strict=True):
            assert_close(mel, reference.tensor(name))
