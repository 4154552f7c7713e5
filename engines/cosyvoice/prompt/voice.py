"""A voice as the model takes it: everything that was drawn from a reference clip."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torchaudio.functional import resample

from engines.cosyvoice.config import SAMPLE_RATE_HZ, TOKEN_MEL_RATIO, Version
from engines.cosyvoice.prompt.encoders import PromptEncoders
from engines.cosyvoice.prompt.features import ENCODER_RATE_HZ, prompt_mel
from engines.errors import EngineLoadError
from engines.protocol import Reference

_FORMAT = "cosyvoice-voice-1"
_LONGEST_S = 30


@dataclass(frozen=True, slots=True, eq=False)
class VoicePrompt:
    """What the model is prompted with.

    Attributes:
        version: the model that the tokens and the mel were made for.
        tokens: speech tokens, int64 [P].
        mel: prompt mel, float32 [2 P, 80].
        speaker: x-vector, float32 [192].
    """

    version: Version
    tokens: Tensor
    mel: Tensor
    speaker: Tensor

    @property
    def num_bytes(self) -> int:
        """Memory that the voice holds."""
        return sum(part.nbytes for part in (self.tokens, self.mel, self.speaker))

    def save(self, file: Path) -> None:
        """Write the voice to ``file`` (safetensors), in place of what was there, or not at all."""
        parts = {"tokens": self.tokens, "mel": self.mel, "speaker": self.speaker}
        unfinished = file.with_name(file.name + ".part")
        save_file(parts, unfinished, {"format": _FORMAT, "version": self.version})
        unfinished.replace(file)

    def pack(self) -> bytes:
        """Return what ``save`` writes."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "voice"
            self.save(file)
            return file.read_bytes()

    @classmethod
    def unpack(cls, data: bytes, version: Version) -> "VoicePrompt":
        """Read what ``pack`` gave for ``version``.

        Raises:
            EngineLoadError: it is no such voice, or one of another version.
        """
        with TemporaryDirectory() as folder:
            file = Path(folder) / "voice"
            file.write_bytes(data)
            return cls.load(file, version)

    @classmethod
    def load(cls, file: Path, version: Version) -> "VoicePrompt":
        """Read a voice that was saved for ``version``.

        Raises:
            EngineLoadError: the file is no such voice, or one of another version.
        """
        try:
            with safe_open(file, framework="pt") as opened:
                metadata = opened.metadata() or {}
                parts = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  no dict
        except (OSError, SafetensorError) as error:
            raise EngineLoadError(f"{file} cannot be read as a voice: {error}") from error
        if metadata.get("format") != _FORMAT or metadata.get("version") != version:
            raise EngineLoadError(f"{file} holds no voice for {version}: {metadata}")
        return cls(version, **parts)


def prepare_voice_prompt(
    reference: Reference, encoders: PromptEncoders, version: Version, fmax_hz: float
) -> VoicePrompt:
    """Draw a voice from ``reference``, which may last up to 30 s.

    Tokens and mel are cut to the same duration.

    Raises:
        ValueError: the clip is longer than the speech tokenizer can take.
    """
    if reference.duration_s > _LONGEST_S:
        raise ValueError(
            f"the reference lasts {reference.duration_s:.1f} s, more than {_LONGEST_S}"
        )
    samples = torch.from_numpy(np.array(reference.samples))  # what came through Ray is read-only
    at_16_khz = resample(samples, reference.sample_rate_hz, ENCODER_RATE_HZ)
    at_24_khz = resample(samples, reference.sample_rate_hz, SAMPLE_RATE_HZ)
    tokens = encoders.speech_tokens(at_16_khz)
    mel = prompt_mel(at_24_khz, fmax_hz)
    length = common_tokens(len(mel), len(tokens))
    return VoicePrompt(
        version=version,
        tokens=tokens[:length],
        mel=mel[: TOKEN_MEL_RATIO * length],
        speaker=encoders.speaker(at_16_khz),
    )


def common_tokens(mel_frames: int, tokens: int) -> int:
    """Tokens that a prompt keeps, and twice as many frames, so that both last equally long.

    Source: upstream cosyvoice/cli/frontend.py, frontend_zero_shot.
    """
    return min(mel_frames // TOKEN_MEL_RATIO, tokens)
