"""One MMS checkpoint that speaks: text to token ids to samples."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import VitsModel, VitsTokenizer
from uroman import Uroman

from engines.protocol import Samples

TokenIds = NDArray[np.int64]
"""Character ids, shape [tokens], with the blank between them."""


class MmsSpeaker:
    """A VITS model (Kim, Kong, Son, 2021) and its tokenizer, for one language."""

    def __init__(self, model: VitsModel, tokenizer: VitsTokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer

    @property
    def sample_rate_hz(self) -> int:
        """Rate of what ``speak`` returns."""
        return int(self._model.config.sampling_rate)

    def tokenize(self, text: str) -> TokenIds:
        """Turn ``text`` into ids; empty where no character is in the model's alphabet.

        Scripts that the checkpoint wants in Latin letters are romanised (uroman).
        """
        if self._tokenizer.is_uroman and not text.isascii():
            text = str(_romanizer().romanize_string(text))
        letters, _ = self._tokenizer.prepare_for_tokenization(text)
        if not letters.strip():
            return np.empty(0, np.int64)
        return np.asarray(self._tokenizer(text)["input_ids"], np.int64)

    @torch.inference_mode()
    def speak(self, tokens: TokenIds, *, speed: float, seed: int) -> Samples:
        """Synthesise ``tokens``; returns float32, shape [n].

        VITS draws from torch's global generators, so the draws are fenced and this must not run
        on two threads at once.
        """
        device = self._model.device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            output = self._model(
                torch.from_numpy(tokens)[None].to(device),
                speaking_rate=self._model.speaking_rate * speed,
            )
        return np.asarray(output.waveform[0].float().cpu().numpy(), np.float32)


@cache
def _romanizer() -> Uroman:
    return Uroman()
