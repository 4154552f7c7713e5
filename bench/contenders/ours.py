"""Our engine, driven below the service: its scheduler in one thread."""

import asyncio
import sys
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from loguru import logger
from numpy.typing import NDArray

from bench.contenders.child import Order, obey, own_stdout
from bench.load import Load, Sample, run_load
from bench.player import Player
from bench.random_model import ModelSizes
from bench.workload import TOKENS_FOR_EACH_TEXT_ID, Workload, write_script
from engines.cosyvoice.config import SAMPLE_RATE_HZ
from engines.cosyvoice.flow import Final, Flow
from engines.cosyvoice.llm import LlmPrompt, LlmWeights, SpeechLm
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.scheduler import Scheduler
from engines.cosyvoice.vocoder import Vocoder, load_vocoder
from engines.cosyvoice.weights import plain_vocoder_state
from engines.onednn import bound_primitive_cache


class Parts(NamedTuple):
    """What the scheduler runs."""

    lm: SpeechLm
    flow: Flow
    vocoder: Vocoder


def load_parts(sizes: ModelSizes, workload: Workload) -> Parts:
    """Build the model with random weights; every request gets exactly the tokens asked for."""
    bound_primitive_cache()
    ratio = TOKENS_FOR_EACH_TEXT_ID
    config = sizes.config
    llm = replace(config.llm, min_token_text_ratio=ratio, max_token_text_ratio=ratio)
    device = torch.device(workload.device)
    dtype = torch.bfloat16 if workload.precision == "bf16" else torch.float32
    weights: LlmWeights = "int8" if workload.precision == "int8" else "native"
    return Parts(
        SpeechLm.load(sizes.random_state("llm"), llm, device=device, dtype=dtype, weights=weights),
        Flow.load(
            config.flow,
            sizes.random_state("flow"),
            dtype=dtype,
            device=device,
            cache_blocks=workload.flow_cache_blocks,
            compact=workload.flow_cache_compact,
        ),
        load_vocoder(
            plain_vocoder_state(sizes.random_state("hift")), config.hift, device, "upstream"
        ),
    )


class OurEngine:
    """A contender: requests go to the scheduler, which makes them all at once."""

    def __init__(self, parts: Parts, workload: Workload) -> None:
        self._scheduler = Scheduler(
            lm=parts.lm,
            flow=parts.flow,
            vocoder=parts.vocoder,
            # The guards would object to speech of random weights, which has no end of its own.
            limits=SchedulerLimits.for_device(
                torch.device(workload.device), final=Final(workload.final_chunk), guards=False
            ),
        )
        self._workload = workload
        self._script = write_script(workload.model, workload.speech_tokens, workload.prompt_tokens)
        self._voice = self._new_voice()

    @property
    def about(self) -> str:
        """Which system, in a few words."""
        return f"our engine, {self._workload.precision}"

    async def run(self, order: Order) -> Load:
        """Carry out ``order``."""
        pump = asyncio.create_task(self._pump())
        try:
            return await run_load(
                self._speak,
                range(order.num_requests),
                concurrency=order.concurrency,
                num_requests=order.num_requests,
            )
        finally:
            pump.cancel()

    async def _pump(self) -> None:
        while True:
            if not self._scheduler.is_idle:
                self._scheduler.step()
            await asyncio.sleep(0)

    async def _speak(self, seed: int) -> Sample:
        listener = _Listener()
        script = self._script
        request = SpeechRequest(
            prompts=[LlmPrompt(script.text, script.prompt_text, script.prompt_speech.tolist())],
            voice=self._new_voice() if self._workload.cold_voice else self._voice,
            listener=listener,
            streamed=self._workload.streamed,
            seed=seed,
        )
        self._scheduler.add(request)
        return await listener.sample

    def _new_voice(self) -> VoicePrompt:
        script = self._script
        return VoicePrompt(
            version=self._workload.model,
            tokens=script.prompt_speech,
            mel=script.prompt_mel,
            speaker=script.speaker,
        )


class _Listener:
    def __init__(self) -> None:
        self.sample: asyncio.Future[Sample] = asyncio.get_running_loop().create_future()
        self._player = Player(time.perf_counter())

    def hear(self, samples: NDArray[np.float32]) -> None:
        self._player.hear(len(samples) / SAMPLE_RATE_HZ, time.perf_counter())

    def end(self, error: Exception | None) -> None:
        now_s = time.perf_counter()
        if error is None:
            self.sample.set_result(self._player.finish(now_s))
        else:
            logger.error("our engine failed: {}", error)
            self.sample.set_result(self._player.fail(now_s))


def main() -> None:
    """Take orders for the workload that the first argument describes."""
    answers = own_stdout()
    workload = Workload.from_json(sys.argv[1])
    parts = load_parts(ModelSizes.released(workload.model), workload)
    obey(OurEngine(parts, workload), answers)


if __name__ == "__main__":
    main()
