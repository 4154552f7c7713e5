"""Everything that a checkpoint consists of, loaded and ready."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from configs.engines import CosyVoiceSettings
from engines.cosyvoice.config import CosyVoiceConfig
from engines.cosyvoice.flow import Flow
from engines.cosyvoice.llm import SpeechLm
from engines.cosyvoice.model_dir import open_model_directory
from engines.cosyvoice.prompt.encoders import PromptEncoders
from engines.cosyvoice.prompt.voice import VoicePrompt, prepare_voice_prompt
from engines.cosyvoice.speakers import read_speakers
from engines.cosyvoice.text.front_end import TextFrontEnd
from engines.cosyvoice.text.normalizer import TextNormalizer
from engines.cosyvoice.text.tokenizer import TextTokenizer
from engines.cosyvoice.vocoder import Vocoder, load_vocoder
from engines.cosyvoice.weights import read_checkpoint
from engines.device import free_memory_bytes
from engines.onednn import bound_primitive_cache
from engines.protocol import Reference


@dataclass(frozen=True, slots=True, eq=False)
class Runtime:
    """The parts of one checkpoint. ``lm``, ``flow`` and ``vocoder`` belong to one thread."""

    config: CosyVoiceConfig
    device: torch.device
    dtype: torch.dtype
    tokenizer: TextTokenizer
    front_end: TextFrontEnd
    encoders: PromptEncoders
    speakers: dict[str, VoicePrompt]
    lm: SpeechLm
    flow: Flow
    vocoder: Vocoder

    @classmethod
    def load(cls, root: Path, settings: CosyVoiceSettings, device: torch.device) -> Self:
        """Load the model directory ``root`` onto ``device``.

        Raises:
            EngineLoadError: the directory is incomplete, or something in it does not fit.
        """
        bound_primitive_cache()
        directory = open_model_directory(root)
        config = directory.read_config()
        dtype = pick_dtype(settings.precision, device)
        state = read_checkpoint(directory.root, settings.llm_file)
        tokenizer = TextTokenizer(directory.backbone, config.version)
        return cls(
            config=config,
            device=device,
            dtype=dtype,
            tokenizer=tokenizer,
            front_end=TextFrontEnd(tokenizer, TextNormalizer(), config.version),
            encoders=PromptEncoders(directory.speech_tokenizer, directory.speaker_encoder),
            speakers=read_speakers(directory.speakers, config.version),
            lm=SpeechLm.load(
                state.llm, config.llm, device=device, dtype=dtype, weights=settings.llm_weights
            ),
            flow=Flow.load(
                config.flow,
                state.flow,
                dtype=dtype,
                device=device,
                cache_blocks=settings.flow_cache_seconds,
                cache_bytes=int(settings.flow_cache_share * free_memory_bytes(device)),
                compact=settings.flow_cache_compact,
            ),
            vocoder=load_vocoder(state.hift, config.hift, device, settings.crossfade),
        )

    def prepare(self, reference: Reference) -> VoicePrompt:
        """Draw a voice from a clip of up to 30 s."""
        return prepare_voice_prompt(
            reference, self.encoders, self.config.version, self.config.prompt_mel_fmax_hz
        )


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """What matrix products are computed in: ``auto`` is bf16 on GPUs that have it, else fp32."""
    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if precision in named:
        return named[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32
