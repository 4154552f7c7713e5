"""A model of true size without a checkpoint: random weights that say exactly what they are told."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engines.cosyvoice.config import SPEECH_CODES, CosyVoiceConfig, Version
from engines.cosyvoice.flat_config import config_from_flat
from engines.cosyvoice.parity.weights import Shapes, filled_state

_GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
_EMBEDDING = "llm.model.model.embed_tokens.weight"
_TIED_HEAD = "llm.model.lm_head.weight"
_SHARPNESS = 6.0
"""Widens the scores, so that what has the score 0 is practically never drawn."""


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The sizes of a checkpoint, and the shape of every tensor in it."""

    config: CosyVoiceConfig
    shapes: dict[str, Shapes]

    @classmethod
    def released(cls, version: Version) -> Self:
        """Those of the released model."""
        folder = _GOLDEN / version
        return cls.read(folder / "config_full.json", folder / "shapes_full.json")

    @classmethod
    def read(cls, config: Path, shapes: Path) -> Self:
        """Read them from files of the golden set."""
        return cls(
            config_from_flat(json.loads(config.read_text(encoding="utf-8"))),
            json.loads(shapes.read_text(encoding="utf-8")),
        )

    def random_state(self, stage: str) -> dict[str, Tensor]:
        """Make weights for ``stage``: llm, flow or hift.

        The language model draws from a peaked distribution over the speech codes, and never stops
        before its maximum: the scores of all other ids are 0, those of the codes are N(0, 36).
        """
        shapes = dict(self.shapes[stage])
        tied = shapes.pop(_TIED_HEAD, None)
        state = filled_state(stage, shapes, "", _draw)
        if stage == "llm":
            _never_stop(state)
            if tied is not None:
                state[_TIED_HEAD] = state[_EMBEDDING]
        return state


def _draw(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw in single precision: several times faster than the golden set's draws."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _never_stop(state: dict[str, Tensor]) -> None:
    for name in ("llm_decoder.weight", "llm_decoder.bias"):
        if name in state:
            state[name] *= _SHARPNESS
            state[name][SPEECH_CODES:] = 0.0
