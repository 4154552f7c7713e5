import numpy as np
import pytest
import torch
from model_files import write_model_files

from engines.cosyvoice.config import Version
from engines.cosyvoice.model_dir import ModelDirectory
from engines.cosyvoice.prompt.encoders import PromptEncoders
from engines.cosyvoice.prompt.voice import VoicePrompt, prepare_voice_prompt
from engines.errors import EngineLoadError
from engines.protocol import Reference

VERSION = Version.COSYVOICE2


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_model_files(folder, VERSION)
    directory = ModelDirectory(folder, VERSION)
    return PromptEncoders(directory.speech_tokenizer, directory.speaker_encoder)


def reference(seconds=3.3, rate_hz=24_000, seed=0):
    noise = np.random.default_rng(seed).standard_normal(int(seconds * rate_hz))
    return Reference((0.1 * noise).astype(np.float32), rate_hz)


def prepare(encoders, clip):
    return prepare_voice_prompt(clip, encoders, VERSION, 8_000)


def test_tokens_and_mel_have_the_same_duration(encoders):
    for seconds in (0.5, 3.3, 3.31, 29.9):
        voice = prepare(encoders, reference(seconds))
        assert voice.mel.shape == (2 * len(voice.tokens), 80)
        assert len(voice.tokens) == pytest.approx(25 * seconds, abs=1)
        assert voice.speaker.shape == (192,)


def test_other_voices_give_other_prompts(encoders):
    one, other = prepare(encoders, reference(seed=0)), prepare(encoders, reference(seed=1))
    assert not torch.equal(one.tokens, other.tokens)
    assert not torch.allclose(one.speaker, other.speaker)


def test_a_clip_that_ray_has_brought_is_read_only(encoders):
    clip = reference()
    clip.samples.setflags(write=False)
    assert len(prepare(encoders, clip).tokens)


def test_another_rate_is_resampled(encoders):
    times = np.arange(48_000 * 2) / 48_000
    tone = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    high = prepare(encoders, Reference(tone, 48_000))
    low = prepare(encoders, Reference(np.ascontiguousarray(tone[::2]), 24_000))
    assert torch.allclose(high.mel[5:-5], low.mel[5:-5], atol=0.1)


def test_a_saved_voice_is_the_same_voice(encoders, tmp_path):
    voice = prepare(encoders, reference())
    voice.save(tmp_path / "voice.safetensors")
    loaded = VoicePrompt.load(tmp_path / "voice.safetensors", VERSION)
    for name in ("tokens", "mel", "speaker"):
        assert torch.equal(getattr(voice, name), getattr(loaded, name))
    assert loaded.num_bytes == voice.num_bytes
    assert [file.name for file in tmp_path.iterdir()] == ["voice.safetensors"]


def test_what_is_no_voice_of_this_version_is_refused(encoders, tmp_path):
    file = tmp_path / "voice.safetensors"
    prepare(encoders, reference()).save(file)
    with pytest.raises(EngineLoadError, match="cosyvoice3"):
        VoicePrompt.load(file, Version.COSYVOICE3)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(EngineLoadError, match="cannot be read"):
        VoicePrompt.load(file, VERSION)
    with pytest.raises(EngineLoadError, match="cannot be read"):
        VoicePrompt.load(tmp_path / "missing", VERSION)


def test_a_clip_that_is_too_long_is_refused(encoders):
    with pytest.raises(ValueError, match="30"):
        prepare(encoders, reference(30.1))


def test_a_broken_encoder_is_named(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(EngineLoadError, match=r"a\.onnx"):
        PromptEncoders(tmp_path / "a.onnx", tmp_path / "a.onnx")
