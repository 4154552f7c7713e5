"""The two ONNX models that listen to a reference clip."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from torch import Tensor

from engines.cosyvoice.config import SPEAKER_DIM
from engines.cosyvoice.prompt.features import speaker_filter_bank, whisper_log_mel
from engines.errors import EngineLoadError

_UNREADABLE = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
)


class PromptEncoders:
    """The speech tokenizer (S3) and the speaker encoder (CAM++)."""

    def __init__(self, speech_tokenizer: Path, speaker_encoder: Path) -> None:
        """Open both models.

        Raises:
            EngineLoadError: onnxruntime cannot read one of them.
        """
        self._speech_tokenizer = _open(speech_tokenizer)
        self._speaker_encoder = _open(speaker_encoder)

    def speech_tokens(self, samples: Tensor) -> Tensor:
        """Tokens of 16 kHz ``samples`` [n] (at most 30 s); int64 [n // 640], 25 for each second."""
        features = whisper_log_mel(samples)[None]
        length = np.array([features.shape[2]], np.int32)
        tokens = _run(self._speech_tokenizer, features.numpy(), length)
        return torch.from_numpy(tokens.reshape(-1).astype(np.int64))

    def speaker(self, samples: Tensor) -> Tensor:
        """The x-vector of 16 kHz ``samples`` [n]; float32 [192]."""
        vector = _run(self._speaker_encoder, speaker_filter_bank(samples)[None].numpy())
        return torch.from_numpy(vector.reshape(SPEAKER_DIM).astype(np.float32))


def _open(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except _UNREADABLE as error:
        raise EngineLoadError(f"{file} cannot be read as an ONNX model: {error}") from error


def _run(session: onnxruntime.InferenceSession, *inputs: np.ndarray) -> np.ndarray:
    """Run ``session`` on its inputs in their order; upstream goes by order, not by name, too."""
    names = [entry.name for entry in session.get_inputs()]
    return np.asarray(session.run(None, dict(zip(names, inputs, strict=True)))[0])
