"""The flow takes a released checkpoint's state dict, whole and strictly."""

import pytest
import torch
from flow_shapes import flow_shapes
from tiny_models import VERSIONS, golden, read_json, released_config, released_meta_state

from engines.cosyvoice.flow import Flow
from engines.cosyvoice.flow.weights import WeightsError


def full_size(version: str):
    return released_config(version).flow, released_meta_state(version, "flow")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_of_the_released_size_is_taken(version: str):
    config, state = full_size(version)
    flow = Flow.load(config, state, device="meta", cache_blocks=300)
    assert flow.free_blocks == 300


@pytest.mark.parametrize("version", VERSIONS)
def test_our_own_list_of_keys_is_upstreams(version: str):
    shapes = read_json(version, "shapes_full.json")["flow"]
    assert flow_shapes(released_config(version).flow) == shapes


@pytest.mark.parametrize("version", VERSIONS)
def test_no_key_may_be_missing(version: str):
    config, state = full_size(version)
    for name in (next(iter(state)), list(state)[len(state) // 2], list(state)[-1]):
        rest = {key: value for key, value in state.items() if key != name}
        with pytest.raises(WeightsError, match=f"lacks {name}"):
            Flow.load(config, rest, device="meta")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_key_may_be_left_over(version: str):
    config, state = full_size(version)
    state["decoder.estimator.extra.weight"] = torch.empty(1, device="meta")
    with pytest.raises(WeightsError, match=r"1 unknown keys: decoder\.estimator\.extra\.weight"):
        Flow.load(config, state, device="meta")


def test_a_wrong_shape_is_named():
    config, state = full_size("cosyvoice3")
    state["spk_embed_affine_layer.bias"] = torch.empty(81, device="meta")
    with pytest.raises(WeightsError, match=r"spk_embed_affine_layer\.bias has shape \(81,\)"):
        Flow.load(config, state, device="meta")


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_of_a_second_are_as_stated(version: str):
    """Keys, values and convolution inputs of 50 frames; a change should be a decision."""
    config, state = full_size(version)
    stated = {"cosyvoice2": 220_599_808, "cosyvoice3": 175_882_240}[version]
    for dtype, expected in ((torch.float32, stated), (torch.bfloat16, stated // 2)):
        flow = Flow.load(config, state, device="meta", dtype=dtype, cache_blocks=1)
        assert flow.block_bytes == expected


def test_compact_memory_is_a_quarter():
    config, state = full_size("cosyvoice2")
    full, compact = (Flow.load(config, state, device="meta", compact=c) for c in (False, True))
    assert compact.block_bytes < 0.27 * full.block_bytes


def test_compact_memory_is_for_cosyvoice2():
    config, state = full_size("cosyvoice3")
    with pytest.raises(ValueError, match="CosyVoice 2"):
        Flow.load(config, state, device="meta", compact=True)


def test_half_precision_checkpoints_load():
    reference = golden("cosyvoice3")
    state = {name: tensor.half() for name, tensor in reference.state("flow").items()}
    flow = Flow.load(reference.config.flow, state)
    assert flow.free_blocks == 0
