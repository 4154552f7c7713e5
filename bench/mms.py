"""``python -m bench.mms``: what MMS gains by speaking several sentences at once.

A random VITS of the released size speaks the same sentences in batches of each size. What is
spoken means nothing, so that only the ratios count.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import VitsConfig, VitsModel

from engines.mms.vits import Utterance, speak_batch

_SHORTEST, _LONGEST = 60, 120
"""Token ids of a sentence, with the blanks between letters."""
_SPEED = 0.5


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.mms", description=__doc__)
    parser.add_argument("--batches", default="1,2,4,8", help="sizes, comma-separated")
    parser.add_argument("--sentences", type=int, default=16, help="in each turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns that each size gets")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.batches.split(",")]
    model = random_model(torch.device(arguments.device))
    utterances = draw_utterances(model, arguments.sentences)
    spoken_s(model, utterances[:2], 2)  # the first pass is always slower
    rates = dict.fromkeys(sizes, 0.0)
    for _ in range(arguments.rounds):
        for size in sizes:
            started_s = time.perf_counter()
            audio_s = spoken_s(model, utterances, size)
            rate = audio_s / (time.perf_counter() - started_s)
            rates[size] = max(rates[size], rate)
    print("| batch | audio s/s | of the first |\n|---|---|---|")
    for size, rate in rates.items():
        print(f"| {size} | {rate:.2f} | {rate / rates[sizes[0]]:.2f} |")


def random_model(device: torch.device) -> VitsModel:
    """A VITS of the released MMS checkpoints' size."""
    torch.manual_seed(0)
    model: VitsModel = VitsModel(VitsConfig())
    model.train(mode=False)
    model.requires_grad_(False)
    torch.nn.Module.to(model, device)
    return model


def draw_utterances(model: VitsModel, count: int) -> list[Utterance]:
    """Sentences of mixed lengths, the same ones every time."""
    dice = np.random.default_rng(0)
    lengths = dice.integers(_SHORTEST, _LONGEST, count)
    return [
        Utterance(dice.integers(1, model.config.vocab_size, length), _SPEED, seed)
        for seed, length in enumerate(lengths)
    ]


def spoken_s(model: VitsModel, utterances: Sequence[Utterance], size: int) -> float:
    """Speak ``utterances`` in batches of ``size``; returns the seconds of audio."""
    samples = 0
    for start in range(0, len(utterances), size):
        samples += sum(map(len, speak_batch(model, utterances[start : start + size])))
    return samples / float(model.config.sampling_rate)


if __name__ == "__main__":
    main()
