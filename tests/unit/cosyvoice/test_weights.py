import pickle
import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from tiny_models import VERSIONS, golden, released_config, released_meta_state
from torch.nn.utils import parametrizations

from engines.cosyvoice.hift import HiftModules
from engines.cosyvoice.llm import SpeechLm
from engines.cosyvoice.weights import (
    StateReader,
    WeightsError,
    plain_vocoder_state,
    read_checkpoint,
    read_state,
)

UNKNOWN = {"unknown": torch.empty(1, device="meta")}


def load_llm(state, version):
    return SpeechLm.load(state, released_config(version).llm, device="meta")


def load_vocoder(state, version):
    return HiftModules.load(plain_vocoder_state(state), released_config(version).hift, "meta")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("stage", "load"), [("llm", load_llm), ("hift", load_vocoder)])
def test_every_released_key_is_used_and_none_is_missing(version, stage, load):
    state = released_meta_state(version, stage)
    load(state, version)
    with pytest.raises(WeightsError, match="unexpected: unknown"):
        load(state | UNKNOWN, version)
    with pytest.raises(WeightsError) as caught:
        load(UNKNOWN, version)
    wanted = set(re.findall(r"missing: (\S+) ", str(caught.value)))
    unused = {"llm.model.lm_head.weight"} if stage == "llm" else set()
    assert wanted == set(plain_vocoder_state(state)) - unused


def test_all_faults_come_in_one_error():
    state = {"a": torch.ones(2), "b": torch.ones(3), "c": torch.ones(1)}
    reader = StateReader("x.pt", state)
    reader.take("a", 3)
    reader.take("missing", 2, 2)
    reader.skip("c")
    with pytest.raises(WeightsError) as caught:
        reader.__exit__(None, None, None)
    message = str(caught.value)
    assert "x.pt" in message
    assert "wrong shape: a is [2], not [3]" in message
    assert "missing: missing [2, 2]" in message
    assert "unexpected: b" in message
    assert "unexpected: c" not in message


def test_another_error_is_not_hidden_by_the_report():
    with pytest.raises(KeyError), StateReader("x.pt", {"a": torch.ones(1)}):
        raise KeyError("other")


@pytest.mark.parametrize("kind", [torch.nn.Conv1d, torch.nn.ConvTranspose1d])
@pytest.mark.parametrize("spelling", ["original0", "weight_g"])
@pytest.mark.parametrize("prefix", ["", "generator."])
def test_weight_norm_folds_as_torch_applies_it(kind, spelling, prefix):
    normed = parametrizations.weight_norm(kind(6, 4, 8, stride=4))
    with torch.no_grad():
        normed.parametrizations.weight.original0.mul_(1.7)
    state = {f"{prefix}ups.0.{name}": value.detach() for name, value in normed.state_dict().items()}
    if spelling == "weight_g":
        state = {
            name.replace("parametrizations.weight.original0", "weight_g").replace(
                "parametrizations.weight.original1", "weight_v"
            ): value
            for name, value in state.items()
        }
    folded = plain_vocoder_state(state)
    assert set(folded) == {"ups.0.weight", "ups.0.bias"}
    assert torch.allclose(folded["ups.0.weight"].float(), normed.weight, rtol=1e-6, atol=0)


def test_half_a_weight_norm_pair_is_reported():
    state = plain_vocoder_state(golden("cosyvoice2").state("hift"))
    state["conv_pre.weight_g"] = torch.ones(64, 1, 1)
    del state["conv_pre.weight"]
    with pytest.raises(WeightsError) as caught:
        HiftModules.load(plain_vocoder_state(state), golden("cosyvoice2").config.hift)
    assert "missing: conv_pre.weight " in str(caught.value)
    assert "unexpected: conv_pre.weight_g" in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_is_read_from_its_three_files(tmp_path: Path, zipped):
    states = {
        "llm": {"a": torch.arange(3.0)},
        "flow": OrderedDict(b=torch.ones(2, dtype=torch.bfloat16)),
        "hift": {"generator.c.bias": torch.ones(1)},
    }
    for name, state in states.items():
        torch.save(state, tmp_path / f"{name}.pt", _use_new_zipfile_serialization=zipped)
    checkpoint = read_checkpoint(tmp_path)
    assert torch.equal(checkpoint.llm["a"], states["llm"]["a"])
    assert checkpoint.flow["b"].dtype == torch.bfloat16
    assert set(checkpoint.hift) == {"c.bias"}


class _Dangerous:
    def __reduce__(self):
        return (print, ("this file ran code",))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "lacks llm.pt"),
        (b"not a checkpoint", "cannot be read"),
        (pickle.dumps(_Dangerous(), protocol=2), "cannot be read"),
        ({"epoch": 3}, "not a plain state dict"),
        ([torch.ones(1)], "not a plain state dict"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content, expected, capsys):
    path = tmp_path / "llm.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=expected):
        read_state(path)
    assert capsys.readouterr().out == ""
