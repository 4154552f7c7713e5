"""The engine benchmark on tiny models: what it asks for, counts and reports."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.contenders.child import Answer, Order
from bench.contenders.ours import OurEngine, load_parts
from bench.contenders.process import ContenderError, ContenderProcess
from bench.contenders.upstream import UpstreamEngine
from bench.engine import Cell, Row, report
from bench.load import Load, Sample
from bench.player import Player
from bench.random_model import ModelSizes
from bench.workload import Workload, write_script
from engines.cosyvoice.config import SPEECH_CODES, Version

GOLDEN = Path(__file__).parents[1] / "golden"
WORKLOAD = Workload(
    model=Version.COSYVOICE2,
    streamed=True,
    speech_tokens=64,
    prompt_tokens=30,
    precision="fp32",
    device="cpu",
    threads=1,
    final_chunk="causal",
    flow_cache_blocks=10,
    flow_cache_compact=False,
    cold_voice=False,
    fresh_hop=False,
)


def tiny_sizes(version):
    folder = GOLDEN / version / "tiny"
    return ModelSizes.read(folder / "config.json", folder / "shapes.json")


def test_player_that_is_fed_in_time_never_runs_dry():
    player = Player(10.0)
    player.hear(1.0, 12.0)
    player.hear(1.0, 13.0)  # to the moment
    player.hear(1.0, 13.5)
    assert player.finish(14.0) == Sample(2.0, 4.0, 3.0, underruns=0)


def test_player_counts_each_time_it_runs_dry_and_plays_on_from_there():
    player = Player(0.0)
    player.hear(1.0, 1.0)
    player.hear(1.0, 2.5)  # dry since 2.0; now plays until 3.5
    player.hear(1.0, 3.4)  # in time: until 4.5
    player.hear(1.0, 4.6)
    assert player.finish(5.0).underruns == 2


def test_failed_request_counts_as_an_error():
    player = Player(0.0)
    player.hear(1.0, 1.0)
    assert Load([player.fail(2.0)], 2.0).num_errors == 1


@pytest.mark.parametrize("version", list(Version))
def test_random_language_model_never_scores_a_stop_id_high(version):
    head = tiny_sizes(version).random_state("llm")["llm_decoder.weight"]
    assert head.shape[0] > SPEECH_CODES
    assert not head[SPEECH_CODES:].any()
    assert head[:SPEECH_CODES].std() * head.shape[1] ** 0.5 == pytest.approx(6.0, rel=0.02)


def test_released_sizes_are_those_of_the_released_models():
    for version, num_parameters in ((Version.COSYVOICE2, 505.8e6), (Version.COSYVOICE3, 506.2e6)):
        shapes = ModelSizes.released(version).shapes["llm"]
        counts = [
            torch.Size(shape).numel()
            for name, (shape, _) in shapes.items()
            if "lm_head" not in name
        ]
        assert sum(counts) == pytest.approx(num_parameters, rel=1e-3)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("version", list(Version))
def test_our_engine_makes_exactly_the_audio_that_was_asked_for(version, streamed):
    torch.set_num_threads(1)
    workload = replace(WORKLOAD, model=version, streamed=streamed)
    engine = OurEngine(load_parts(tiny_sizes(version), workload), workload)
    load = asyncio.run(engine.run(Order(concurrency=2, num_requests=3)))
    assert load.num_errors == 0
    assert [sample.audio_s for sample in load.samples] == pytest.approx([workload.audio_s] * 3)
    first, total = load.samples[0].first_audio_s, load.samples[0].total_s
    assert first < 0.9 * total if streamed else first == pytest.approx(total, rel=0.1)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_our_engine_runs_in_each_precision(precision):
    workload = replace(WORKLOAD, precision=precision, streamed=False, cold_voice=True)
    engine = OurEngine(load_parts(tiny_sizes(Version.COSYVOICE2), workload), workload)
    load = asyncio.run(engine.run(Order(concurrency=1, num_requests=1)))
    assert load.samples[0].audio_s == pytest.approx(workload.audio_s)


class FakeUpstream:
    """What the driver knows of upstream's model object."""

    def __init__(self, failing=False):
        self.failing = failing
        self.token_hop_len = 100
        self.asked = []

    def tts(self, **arguments):
        self.asked.append(arguments)
        if self.failing:
            raise RuntimeError("no")
        yield {"tts_speech": torch.zeros(1, 12_000)}
        yield {"tts_speech": torch.zeros(1, 6_000)}


def test_upstream_is_called_once_for_each_request_with_the_same_script():
    model = FakeUpstream()
    engine = UpstreamEngine(model, replace(WORKLOAD, fresh_hop=True), "a fake")
    load = asyncio.run(engine.run(Order(concurrency=2, num_requests=4)))
    assert [sample.audio_s for sample in load.samples] == [0.75] * 4
    script = write_script(Version.COSYVOICE2, 64, 30)
    assert len(model.asked) == 4
    assert model.asked[0]["text"].tolist() == [script.text]
    assert model.asked[0]["prompt_speech_feat"].shape == (1, 60, 80)
    assert model.asked[0]["stream"] is True
    assert model.token_hop_len == 25


def test_upstream_that_fails_is_an_error_and_no_end():
    engine = UpstreamEngine(FakeUpstream(failing=True), WORKLOAD, "a fake")
    load = asyncio.run(engine.run(Order(concurrency=1, num_requests=2)))
    assert load.num_errors == 2


def test_script_refuses_a_number_of_tokens_that_no_text_gives():
    with pytest.raises(ValueError, match="multiple of 8"):
        write_script(Version.COSYVOICE2, 30, 0)


def test_contender_that_does_not_start_is_reported():
    with pytest.raises(ContenderError, match=r"bench\.contenders\.nobody has ended \(status 1\)"):
        ContenderProcess("bench.contenders.nobody", WORKLOAD, sys.executable)


def test_settings_and_answers_survive_the_pipe():
    assert Workload.from_json(WORKLOAD.to_json()) == WORKLOAD
    answer = Answer(Load([Sample(0.5, 2.0, 4.0, 1), Sample(None, 1.0, 0.0)], 2.5), 123)
    assert Answer.from_json(answer.to_json()) == answer


def test_report_holds_both_contenders_and_ratios_for_each_concurrency():
    ours = Cell(Load([Sample(0.5, 2.0, 4.0)], 2.0), 100)
    upstream = Cell(Load([Sample(2.0, 8.0, 4.0, 3)], 8.0), 200)
    about = {"ours": "ours", "upstream": "theirs"}
    found = json.loads(json.dumps(report([Row(4, ours, upstream)], WORKLOAD, about)))
    assert found["ours"]["4"]["audio_s_per_s"] == 2.0
    assert found["upstream"]["4"]["underruns"] == 3
    assert found["upstream"]["4"]["peak_memory_bytes"] == 200
    assert found["ratio"] == {"audio_s_per_s": {"4": 4.0}, "first_chunk": {"4": 0.25}}


def test_report_without_upstream_has_no_ratios():
    ours = Cell(Load([Sample(0.5, 2.0, 4.0)], 2.0), 100)
    found = report([Row(1, ours, None)], WORKLOAD, {"ours": "ours"})
    assert found["upstream"] == {}
    assert found["ratio"]["audio_s_per_s"] == {"1": None}
