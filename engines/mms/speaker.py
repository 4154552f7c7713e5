"""One MMS checkpoint that speaks: text to token ids, these to samples."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from transformers import VitsModel, VitsTokenizer
from uroman import Uroman

from engines.mms.vits import TokenIds, Utterance, speak_batch
from engines.protocol import Samples


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

    def speak(self, utterances: Sequence[Utterance]) -> list[Samples]:
        """Synthesise ``utterances`` in one pass; float32 [n] each, the same alone and together."""
        return speak_batch(self._model, utterances)


@cache
def _romanizer() -> Uroman:
    return Uroman()
