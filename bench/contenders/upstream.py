"""Upstream's engine, driven as its servers drive it: a thread for each request calls ``tts``.

Needs upstream's ``cosyvoice`` package: ``cosyvoice-minicpmo`` from the package index for
CosyVoice 2, or a checkout on PYTHONPATH (with Matcha-TTS) for both. Everything computes in fp32.
"""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from loguru import logger
from torch import Tensor, nn

from bench.contenders.child import Order, obey, own_stdout
from bench.load import Load, Sample, run_load
from bench.player import Player
from bench.random_model import ModelSizes
from bench.workload import TOKENS_FOR_EACH_TEXT_ID, Workload, write_script
from engines.cosyvoice.config import CHUNK_TOKENS, SAMPLE_RATE_HZ, Version

INSTALL = (
    "for CosyVoice 2: pip install conformer diffusers einops omegaconf scipy"
    " && pip install --no-deps cosyvoice-minicpmo\n"
    "for CosyVoice 3: the same and x-transformers, with a checkout of upstream on PYTHONPATH"
)


class UpstreamEngine:
    """A contender: upstream's model object, unmodified but for what ``Body`` says."""

    def __init__(self, model: Any, workload: Workload, source: str) -> None:
        self._model = model
        self._workload = workload
        self._source = source
        script = write_script(workload.model, workload.speech_tokens, workload.prompt_tokens)
        speech = script.prompt_speech[None].int()
        self._arguments = {
            "text": torch.tensor([script.text], dtype=torch.int32),
            "prompt_text": torch.tensor([script.prompt_text], dtype=torch.int32),
            "llm_prompt_speech_token": speech,
            "flow_prompt_speech_token": speech,
            "prompt_speech_feat": script.prompt_mel[None],
            "llm_embedding": script.speaker[None],
            "flow_embedding": script.speaker[None],
            "stream": workload.streamed,
        }

    @property
    def about(self) -> str:
        """Which system, in a few words."""
        return f"upstream, fp32, {self._source}"

    async def run(self, order: Order) -> Load:
        """Carry out ``order``."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(order.concurrency) as threads:

            async def speak(_: int) -> Sample:
                return await loop.run_in_executor(threads, self._speak)

            return await run_load(
                speak,
                range(order.num_requests),
                concurrency=order.concurrency,
                num_requests=order.num_requests,
            )

    def _speak(self) -> Sample:
        player = Player(time.perf_counter())
        if self._workload.fresh_hop:
            self._model.token_hop_len = CHUNK_TOKENS
        try:
            for output in self._model.tts(**self._arguments):
                audio_s = output["tts_speech"].shape[1] / SAMPLE_RATE_HZ
                player.hear(audio_s, time.perf_counter())
        except RuntimeError as error:
            logger.error("upstream failed: {}", error)
            return player.fail(time.perf_counter())
        return player.finish(time.perf_counter())


def load_model(sizes: ModelSizes, device: torch.device) -> Any:
    """Build upstream's model object with random weights.

    Raises:
        ModuleNotFoundError: upstream or something that it needs is not installed.
    """
    from cosyvoice.cli import model as upstream_cli  # noqa: PLC0415

    from bench.contenders import upstream_model  # noqa: PLC0415  needs upstream

    config = sizes.config
    is_third = config.version is Version.COSYVOICE3
    if is_third and not hasattr(upstream_cli, "CosyVoice3Model"):
        raise ModuleNotFoundError("the cosyvoice package found knows CosyVoice 2 only")
    llm = _filled(upstream_model.build_llm(config.llm), sizes.random_state("llm"), device)
    flow = _filled(upstream_model.build_flow(config.flow), sizes.random_state("flow"), device)
    hift = _filled(upstream_model.build_hift(config.hift), sizes.random_state("hift"), device)
    cls = upstream_cli.CosyVoice3Model if is_third else upstream_cli.CosyVoice2Model
    model = cls(llm, flow, hift)
    # cosyvoice-minicpmo's constructor leaves the language model out.
    model.llm = _exact_length(llm)
    return model


def _exact_length(llm: Any) -> Any:
    """Make each text give the workload's number of tokens; the servers use the defaults."""
    ratio = TOKENS_FOR_EACH_TEXT_ID
    llm.inference = partial(llm.inference, min_token_text_ratio=ratio, max_token_text_ratio=ratio)
    return llm


def _filled(module: nn.Module, state: dict[str, Tensor], device: torch.device) -> nn.Module:
    module.load_state_dict(state, assign=True)
    return module.to(device).eval()


def _source() -> str:
    """Where upstream's code comes from."""
    import cosyvoice  # noqa: PLC0415  optional

    folder = Path(next(iter(cosyvoice.__path__)))
    try:
        packaged = metadata.distribution("cosyvoice-minicpmo")
    except metadata.PackageNotFoundError:
        return f"a checkout ({folder.parent.name})"
    if folder == Path(str(packaged.locate_file("cosyvoice"))):
        return f"cosyvoice-minicpmo {packaged.version}"
    return f"a checkout ({folder.parent.name})"


def main() -> None:
    """Take orders for the workload that the first argument describes."""
    answers = own_stdout()
    workload = Workload.from_json(sys.argv[1])
    try:
        model = load_model(ModelSizes.released(workload.model), torch.device(workload.device))
        source = _source()
    except ImportError as error:
        sys.exit(f"upstream cannot be run: {error}\n{INSTALL}")
    obey(UpstreamEngine(model, workload, source), answers)


if __name__ == "__main__":
    main()
