"""Golden flow data, and random weights of any size, for the flow's tests.

The weights of the golden models are not stored: they follow a rule, which is implemented here
(tests/golden names the arrays; their origin is upstream's own code).
"""

import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.cosyvoice.config import (
    ConformerConfig,
    DitConfig,
    FlowConfig,
    LookaheadConfig,
    UNetConfig,
)
from engines.cosyvoice.flow import Flow, Prompt

torch.set_num_threads(1)  # the models are tiny: threads would only wait for each other
GOLDEN = Path(__file__).parents[2] / "golden"
VERSIONS = ("cosyvoice2", "cosyvoice3")
Shapes = dict[str, list]


@dataclass(frozen=True)
class Golden:
    """One version's tiny model with its reference arrays."""

    config: FlowConfig
    state: dict[str, Tensor]
    arrays: dict[str, np.ndarray]
    chunks: dict

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def prompt(self, flow: Flow, case: str) -> Prompt:
        names = ("prompt_token", "prompt_feat", "embedding")
        return flow.prompt(*(self.tensor(f"{case}_{name}") for name in names))


@cache
def golden(version: str) -> Golden:
    folder = GOLDEN / version / "tiny"
    config = json.loads((folder / "config.json").read_text())
    shapes = json.loads((folder / "shapes.json").read_text())["flow"]
    with np.load(folder / "flow.npz") as arrays:
        return Golden(
            flow_config(config),
            filled_state(shapes, config["fill_salt"]),
            dict(arrays),
            json.loads((folder / "flow.json").read_text()),
        )


@cache
def golden_flow(version: str) -> Flow:
    """A flow with the golden weights; tests that use it give back what they take."""
    reference = golden(version)
    return Flow.load(reference.config, reference.state, cache_blocks=24)


def flow_config(sizes: dict) -> FlowConfig:
    """The flow's sizes as the golden config files name them."""
    if sizes["flow_front"] == "upsample_conformer":
        front = ConformerConfig(
            width=sizes["flow_width"],
            heads=sizes["flow_attn_heads"],
            ffn=sizes["flow_ffn"],
            layers=sizes["flow_layers"],
            up_layers=sizes["flow_up_layers"],
        )
        estimator = UNetConfig(
            channels=sizes["est_channels"],
            blocks=sizes["est_blocks"],
            mid=sizes["est_mid"],
            heads=sizes["est_heads"],
            head_dim=sizes["est_head_dim"],
        )
        return FlowConfig(front, estimator, vocab=sizes["flow_vocab"])
    look = LookaheadConfig(width=sizes["flow_width"], channels=sizes["flow_prelook_channels"])
    dit = DitConfig(
        dim=sizes["dit_dim"],
        depth=sizes["dit_depth"],
        heads=sizes["dit_heads"],
        head_dim=sizes["dit_head_dim"],
        ff_mult=sizes["dit_ff_mult"],
        conv_kernel=sizes["dit_conv_pos_kernel"],
        conv_groups=sizes["dit_conv_pos_groups"],
    )
    return FlowConfig(look, dit, vocab=sizes["flow_vocab"])


def filled_state(shapes: Shapes, salt: str = "") -> dict[str, Tensor]:
    """A flow state dict that follows the golden rule."""
    return {name: _filled(name, shape, salt) for name, (shape, _) in shapes.items()}


def _filled(name: str, shape: list[int], salt: str) -> Tensor:
    if name.endswith("inv_freq"):
        steps = np.arange(shape[0], dtype=np.float32) / np.float32(shape[0])
        return torch.from_numpy((1.0 / 10000.0**steps).astype(np.float32))
    random = np.random.RandomState(zlib.crc32(f"flow{salt}/{name}".encode()))
    drawn = random.standard_normal(shape).astype(np.float32)
    if len(shape) >= 2:
        return torch.from_numpy(drawn * np.float32(1 / np.sqrt(np.prod(shape[1:]))))
    scaled = np.float32(0.02) * drawn
    return torch.from_numpy(np.float32(1) + scaled if name.endswith(".weight") else scaled)
