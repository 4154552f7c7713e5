"""The flow against upstream's own numbers, many at once; one by one they are in test_parity."""

import pytest
import torch
from tiny_models import VERSIONS, golden
from torch import Tensor

from engines.cosyvoice.flow import Chunk, Final
from engines.cosyvoice.parity.flow import load_flow, read_request

TOLERANCE = 1e-4
STREAMS = ("stream_fresh", "stream_hop50", "stream_hop100")
OFFLINE = ("offline0", "offline1", "offline2")

pytestmark = [
    pytest.mark.parametrize("version", VERSIONS),
    pytest.mark.parametrize("merged", [False, True]),
]


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)


def test_offline_in_a_ragged_batch(version: str, merged: bool):
    reference = golden(version)
    arrays, flow = reference.arrays("flow"), load_flow(reference, tokens=0, merged=merged)
    mels = flow.offline([read_request(flow, arrays, case) for case in OFFLINE])
    for case, mel in zip(OFFLINE, mels, strict=True):
        assert_close(mel, arrays.tensor(f"{case}_mel"))


def test_streams_advance_together(version: str, merged: bool):
    """Different histories and chunk lengths, first and last chunks, in the same calls."""
    reference = golden(version)
    arrays, flow = reference.arrays("flow"), load_flow(reference, tokens=1000, merged=merged)
    free = flow.free_blocks
    requests = {case: read_request(flow, arrays, case) for case in STREAMS}
    voices = {case: flow.voice(request.prompt) for case, request in requests.items()}
    streams = {case: flow.open(voice) for case, voice in voices.items()}
    ends = {
        case: [chunk["tokens_passed"] for chunk in reference.notes("flow")[case]["chunks"]]
        for case in STREAMS
    }
    for number in range(max(map(len, ends.values()))):
        names, chunks = [], []
        for case, stream in streams.items():
            if stream.closed:
                continue
            start, end = [0, *ends[case]][number : number + 2]
            last = end == ends[case][-1]
            final = Final.CAUSAL if last else None
            chunks.append(Chunk(stream, requests[case].tokens[start:end], final))
            names.append(f"{case}_final_streaming_mel" if last else f"{case}_chunk{number}_mel")
        for name, mel in zip(names, flow.advance(chunks), strict=True):
            assert_close(mel, arrays.tensor(name))
    for voice in voices.values():
        voice.close()
    assert flow.free_blocks == free
