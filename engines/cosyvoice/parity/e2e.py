"""Parity from text ids to samples: language model, flow and vocoder together."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engines.cosyvoice.flow import Final, FlowRequest
from engines.cosyvoice.llm import LlmPrompt, SilentRunFilter
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.flow import load_flow, stream_mels, token_tensor
from engines.cosyvoice.parity.golden import GoldenArrays, GoldenVersion
from engines.cosyvoice.parity.hift import WAVEFORM_TOLERANCE, Silence
from engines.cosyvoice.parity.llm import decode_greedily
from engines.cosyvoice.vocoder import VocoderChunk, load_vocoder
from engines.cosyvoice.weights import plain_vocoder_state


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every array of ``e2e.npz``.

    The audio is made from the reference's tokens, which are our own if they compare as equal.
    """
    arrays = version.arrays("e2e")
    tokens = arrays.ids("tokens")
    yield Comparison.equal("tokens", _speak(version, arrays), tokens)
    prompt_tokens = token_tensor(arrays, "prompt_token")
    flow = load_flow(version, tokens=len(prompt_tokens) + len(tokens))
    prompt = flow.prompt(prompt_tokens, arrays.tensor("prompt_feat"), arrays.tensor("embedding"))
    request = FlowRequest(prompt, torch.tensor(tokens, dtype=torch.int64))
    chunks = version.notes("e2e")["chunks"]
    final = Final.CAUSAL if chunks[-1]["streaming"] else Final.FULL
    mels = stream_mels(flow, request, [chunk["n"] for chunk in chunks], final)
    for number, wave in enumerate(_vocode(version, mels)):
        name = f"stream_chunk{number}_wav"
        yield Comparison.of(name, wave, arrays[name], WAVEFORM_TOLERANCE)
    (wave,) = _vocode(version, flow.offline([request]))
    yield Comparison.of("offline_wav", wave, arrays["offline_wav"], WAVEFORM_TOLERANCE)
    yield from (Comparison.failure(name, "unknown array") for name in arrays.unused)


def _speak(version: GoldenVersion, arrays: GoldenArrays) -> list[int]:
    """The tokens that the flow gets, with the speech head's rows above the codes zeroed."""
    prompt = LlmPrompt(
        text=arrays.ids("text"),
        prompt_text=arrays.ids("prompt_text"),
        prompt_speech=arrays.ids("prompt_token"),
    )
    others = [version.flat["speech_codes"], version.config.llm.output_size - 1]
    utterance, _ = decode_greedily(version, prompt, {"zero_rows": others})
    silence = SilentRunFilter.for_model(version.config.llm)
    return [token for token in utterance.tokens if silence.passes(token)]


def _vocode(version: GoldenVersion, mels: Sequence[Tensor]) -> Iterator[Tensor]:
    """The samples of each chunk of a stream, its noise being silence."""
    config, device = version.config.hift, torch.device(version.device)
    state = plain_vocoder_state(version.state("hift"))
    vocoder = load_vocoder(state, config, device, "upstream")
    stream = vocoder.open(Silence(config.harmonics + 1, device))
    for number, mel in enumerate(mels, start=1):
        yield from vocoder.advance([VocoderChunk(stream, mel, number == len(mels))])
