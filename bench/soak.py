"""``python -m bench.soak``: many clients, some of them rude, for as long as one likes.

A small random model speaks short and long requests, streamed and whole, at several speeds. Some
clients leave before the first sound, some in the middle. At the end nothing may be left: no stuck
request, no lost place in the language model, no lost block of the flow's memory, no grown process.
"""

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contenders.ours import Parts, load_parts
from bench.memory import resident_bytes
from bench.random_model import ModelSizes
from bench.workload import Workload, write_script
from engines.cosyvoice.config import Version
from engines.cosyvoice.llm import LlmPrompt
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.scheduler import Scheduler
from engines.cosyvoice.scheduling.worker import Worker
from engines.protocol import Priority

_GOLDEN = Path(__file__).parents[1] / "tests/golden"
_CACHE_BLOCKS = 60
_VOICE_TOKENS = (0, 30, 60, 90)
_STUCK_S = 600.0
"""Batch requests wait for as long as others come, and the machine may be busy with other things."""
_WARM_UP_SHARE = 0.2
_MOST_GROWTH = 1.05


class _Ear:
    """A listener that hands samples to the thread of its client."""

    def __init__(self) -> None:
        self._queue: Queue[NDArray[np.float32] | Exception | None] = Queue()

    def hear(self, samples: NDArray[np.float32]) -> None:
        self._queue.put(samples)

    def end(self, error: Exception | None) -> None:
        self._queue.put(error)

    def next(self) -> NDArray[np.float32] | None:
        """The next samples, None at the end.

        Raises:
            Empty: nothing came for ten minutes.
        """
        item = self._queue.get(timeout=_STUCK_S)
        if isinstance(item, Exception):
            raise item
        return item


@dataclass
class Soak:
    """A running worker, and what its clients have seen."""

    worker: Worker
    parts: Parts
    voices: list[VoicePrompt]
    model: Version
    outcomes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def start(cls, model: Version) -> "Soak":
        """Load a small random model, and let each voice be heard once."""
        torch.set_num_threads(1)
        folder = _GOLDEN / model / "tiny"
        sizes = ModelSizes.read(folder / "config.json", folder / "shapes.json")
        workload = Workload(
            model=model, streamed=True, speech_tokens=80, prompt_tokens=30, precision="fp32",
            device="cpu", threads=1, final_chunk="causal", flow_cache_blocks=_CACHE_BLOCKS,
            flow_cache_compact=False, cold_voice=False, fresh_hop=False,
        )  # fmt: skip
        parts = load_parts(sizes, workload)
        limits = SchedulerLimits(slots=8, guards=False)
        scheduler = partial(
            Scheduler, lm=parts.lm, flow=parts.flow, vocoder=parts.vocoder, limits=limits
        )
        soak = cls(Worker(scheduler, threads=1), parts, [], model)
        for tokens in _VOICE_TOKENS:
            script = write_script(model, 80, tokens)
            soak.voices.append(
                VoicePrompt(model, script.prompt_speech, script.prompt_mel, script.speaker)
            )
            soak.listen(_dice(0), voice=soak.voices[-1], patience=None)
        soak.outcomes.clear()
        return soak

    def listen(
        self, dice: random.Random, *, voice: VoicePrompt | None = None, patience: int | None
    ) -> None:
        """Have something spoken, and leave after ``patience`` chunks if that is not None."""
        ear = _Ear()
        speech = self.worker.submit(self._request(dice, voice or dice.choice(self.voices), ear))
        heard = 0
        try:
            while patience is None or heard < patience:
                if ear.next() is None:
                    self.outcomes["heard"] += 1
                    return
                heard += 1
            self.outcomes["left"] += 1
        except Empty:
            self.outcomes["stuck"] += 1
        finally:
            self.worker.cancel(speech)

    def _request(self, dice: random.Random, voice: VoicePrompt, ear: _Ear) -> SpeechRequest:
        script = write_script(self.model, 80, 0)
        prompts = [
            LlmPrompt(script.text[: dice.randint(1, 10)], script.prompt_text)
            for _ in range(dice.choice((1, 1, 1, 2, 4)))
        ]
        return SpeechRequest(
            prompts=prompts,
            voice=voice,
            listener=ear,
            streamed=dice.random() < 0.8,
            speed=dice.choice((1.0, 1.0, 0.7, 1.6)),
            seed=dice.getrandbits(32),
            priority=dice.choice(list(Priority)),
        )

    def is_clean(self, free_blocks: int) -> bool:
        """Whether everything that was lent has come back, given a moment."""
        for _ in range(100):
            scheduler = self.worker.scheduler
            if scheduler.is_idle and self.parts.flow.free_blocks == free_blocks:
                return scheduler.free_slots == scheduler.slots
            time.sleep(0.1)
        return False


def run(
    soak: Soak, *, seconds: float, clients: int, seed: int, show: Callable[[str], object]
) -> list[str]:
    """Let ``clients`` go on for ``seconds``; returns what was wrong."""
    free_blocks = soak.parts.flow.free_blocks
    began_s = time.monotonic()
    deadline_s = began_s + seconds
    threads = [
        threading.Thread(target=_client, args=(soak, _dice(seed + index), deadline_s))
        for index in range(clients)
    ]
    for thread in threads:
        thread.start()
    settled_bytes = largest_bytes = 0
    while (now_s := time.monotonic()) < deadline_s:
        time.sleep(min(seconds / 50, deadline_s - now_s))
        largest_bytes = max(largest_bytes, resident_bytes())
        if now_s - began_s < _WARM_UP_SHARE * seconds:
            settled_bytes = largest_bytes
        counts = dict(soak.outcomes)
        show(f"{now_s - began_s:6.0f} s  {resident_bytes() / 2**20:7.1f} MiB  {counts}")
    for thread in threads:
        thread.join()
    wrong = []
    if soak.outcomes["stuck"]:
        wrong.append(f"{soak.outcomes['stuck']} requests got stuck")
    if not soak.is_clean(free_blocks):
        wrong.append("places or blocks were lost")
    if largest_bytes > _MOST_GROWTH * settled_bytes:
        wrong.append(f"memory grew from {settled_bytes} to {largest_bytes} bytes")
    return wrong


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  nothing secret depends on it


def _client(soak: Soak, dice: random.Random, deadline_s: float) -> None:
    while time.monotonic() < deadline_s:
        patience = dice.choice((None, None, None, None, 0, 1, 2))
        with suppress(RuntimeError):
            soak.listen(dice, patience=patience)


def main() -> None:
    """Soak, and say what was wrong; exit 1 if anything was."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--model", type=Version, choices=list(Version), default="cosyvoice2")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    soak = Soak.start(arguments.model)
    wrong = run(
        soak,
        seconds=60 * arguments.minutes,
        clients=arguments.clients,
        seed=arguments.seed,
        show=print,
    )
    print(dict(soak.outcomes), soak.worker.scheduler.stats)
    soak.worker.close()
    sys.exit("; ".join(wrong) or 0)


if __name__ == "__main__":
    main()
