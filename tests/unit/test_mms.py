"""The MMS engine on a small random VITS checkpoint, loaded by the same code as a released one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mms_checkpoint import write_checkpoint

from commands.models import _mms_states
from configs.engines import MmsSettings
from engines.errors import (
    EngineLoadError,
    NothingToSpeakError,
    UnsupportedLanguageError,
    UnsupportedModeError,
)
from engines.mms import MmsEngine
from engines.mms.installed import installed_models
from engines.protocol import Mode, Reference, SynthesisRequest


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mms")
    models = {
        "zlm": write_checkpoint(folder / "zlm"),
        "kor": write_checkpoint(folder / "kor", is_uroman=True),
    }
    engine = MmsEngine(MmsSettings(engine="mms", models=models))
    yield engine
    engine.close()


async def spoken(engine, text, **fields):
    chunks = [chunk async for chunk in engine.synthesize(SynthesisRequest(text, **fields))]
    return np.concatenate(chunks)


def test_it_says_what_it_loaded(engine):
    assert engine.info.languages == ("ms", "ko")
    assert engine.info.sample_rate_hz == 16_000
    assert engine.info.loaded_line() == "MMS (ms, ko) loaded on cpu (fp16=False)"


async def test_it_speaks_what_the_model_computes(engine):
    """The engine's samples are the model's own, for the same text and the same noise."""
    text = "apa khabar"
    samples = await spoken(engine, text, seed=7)
    speaker = engine._speakers["ms"]
    torch.manual_seed(7)
    with torch.no_grad():
        tokens = speaker._tokenizer(text, return_tensors="pt")["input_ids"]
        wanted = speaker._model(tokens).waveform[0].numpy()
    np.testing.assert_array_equal(samples, wanted)
    assert np.abs(samples).max() > 0


async def test_the_seed_decides(engine):
    one, same, other = [await spoken(engine, "apa khabar", seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or np.abs(one - other).max() > 0


async def test_it_leaves_the_global_generator_alone(engine):
    before = torch.get_rng_state()
    await spoken(engine, "apa khabar", seed=1)
    assert torch.equal(before, torch.get_rng_state())


async def test_speed(engine):
    text = "selamat pagi semua orang di sini"
    natural, fast = [await spoken(engine, text, seed=1, speed=speed) for speed in (1.0, 2.0)]
    assert 0.4 < len(fast) / len(natural) < 0.8
    slowest, slow, fastest = [
        await spoken(engine, text, seed=1, speed=speed) for speed in (0.25, 0.5, 4.0)
    ]
    assert len(fastest) == pytest.approx(len(fast) / 2, abs=1)
    assert len(slowest) == pytest.approx(len(slow) * 2, abs=1)


async def test_each_sentence_is_a_chunk(engine):
    request = SynthesisRequest("Satu dua. Tiga empat. Lima enam.", language="ms")
    assert len([chunk async for chunk in engine.synthesize(request)]) == 3


async def test_other_scripts_are_romanised_where_the_model_wants_it(engine):
    speaker = engine._speakers["ko"]
    assert len(speaker.tokenize("안녕하세요")) > 5
    assert len(engine._speakers["ms"].tokenize("안녕하세요")) == 0


async def test_what_it_cannot_do_is_refused(engine):
    with pytest.raises(NothingToSpeakError):
        await spoken(engine, "你好", language="ms")
    with pytest.raises(UnsupportedLanguageError, match="ms, ko"):
        await spoken(engine, "hello", language="en")
    with pytest.raises(UnsupportedModeError):
        await spoken(engine, "hello", mode=Mode.ZERO_SHOT)
    with pytest.raises(UnsupportedModeError):
        engine.prepare_voice(Reference(np.zeros(10, np.float32), 24_000))


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
def test_an_incomplete_checkpoint_is_named(tmp_path, name):
    folder = write_checkpoint(tmp_path / "ms")
    (tmp_path / "ms" / name).unlink()
    with pytest.raises(EngineLoadError, match=name):
        MmsEngine(MmsSettings(engine="mms", models={"ms": folder}))


@pytest.mark.parametrize("hub", ["modelscope", "huggingface"])
def test_offline_means_no_download(monkeypatch, hub):
    monkeypatch.setenv("MODELSCOPE_OFFLINE", "1")
    settings = MmsSettings(engine="mms", models={"ms": "facebook/mms-tts-none"}, hub=hub)
    with pytest.raises(EngineLoadError, match="MODELSCOPE_OFFLINE"):
        MmsEngine(settings)


async def test_each_checkpoint_of_the_folder_is_spoken(tmp_path):
    for code in ("zlm", "tha", "azj-script_latin"):
        write_checkpoint(tmp_path / f"mms-tts-{code}")
    (tmp_path / "notes").mkdir()
    named = write_checkpoint(tmp_path / "other")
    settings = MmsSettings(engine="mms", models={"yor": named}, model_folder=tmp_path)
    engine = MmsEngine(settings)
    try:
        assert engine.info.languages == ("yo", "az", "th", "ms")
        assert len(await spoken(engine, "salam", language="az"))
        with pytest.raises(UnsupportedLanguageError, match="it speaks yo, az, th, ms"):
            await spoken(engine, "hello", language="fr")
    finally:
        engine.close()


def test_two_checkpoints_of_the_folder_for_one_language(tmp_path):
    for script in ("arabic", "latin"):
        (tmp_path / f"mms-tts-urd-script_{script}").mkdir()
    settings = MmsSettings(engine="mms", model_folder=tmp_path)
    with pytest.raises(EngineLoadError, match="name the one to use in the setting models"):
        installed_models(settings)
    chosen = str(tmp_path / "mms-tts-urd-script_latin")
    settings = MmsSettings(engine="mms", models={"urd": chosen}, model_folder=tmp_path)
    assert installed_models(settings) == {"ur": chosen}


def test_a_folder_without_checkpoints(tmp_path):
    with pytest.raises(EngineLoadError, match="holds no folder called"):
        installed_models(MmsSettings(engine="mms", model_folder=tmp_path))
    with pytest.raises(EngineLoadError, match="does not exist"):
        installed_models(MmsSettings(engine="mms", model_folder=tmp_path / "none"))


def test_the_command_line_lists_what_is_installed(tmp_path):
    write_checkpoint(tmp_path / "mms-tts-zlm")
    (tmp_path / "mms-tts-tha").mkdir()
    states = list(_mms_states(MmsSettings(engine="mms", model_folder=tmp_path)))
    assert [Path(state.source).name for state in states] == ["mms-tts-tha", "mms-tts-zlm"]
    assert states[0].problem.endswith("model.safetensors or pytorch_model.bin")
    assert states[1].problem is None
    (missing,) = _mms_states(MmsSettings(engine="mms", model_folder=tmp_path / "none"))
    assert "does not exist" in missing.problem


def test_malay_is_fetched_where_nothing_else_is_named():
    assert installed_models(MmsSettings(engine="mms")) == {"ms": "facebook/mms-tts-zlm"}


async def test_numbers_are_spoken_in_malay(engine):
    """The checkpoint knows no digit: what is heard are the words."""
    written, words = [
        await spoken(engine, text, language="ms", seed=1)
        for text in ("ada 12 kucing", "ada dua belas kucing")
    ]
    np.testing.assert_array_equal(written, words)


def test_sample_rates_must_agree(tmp_path):
    models = {
        "ms": write_checkpoint(tmp_path / "ms"),
        "en": write_checkpoint(tmp_path / "en", sampling_rate=22_050),
    }
    with pytest.raises(EngineLoadError, match="sample rate"):
        MmsEngine(MmsSettings(engine="mms", models=models))
