"""CosyVoice behind the engine protocol, on small random models."""

import asyncio
import re
from contextlib import aclosing

import numpy as np
import pytest
import soundfile
import torch
from model_files import write_model

from configs.engines import CosyVoiceSettings
from configs.environment import PROJECT_ROOT
from engines.cosyvoice import CosyVoiceEngine
from engines.cosyvoice.config import Version
from engines.cosyvoice.prompt.kept import KeptVoices
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.scheduling.guards import AudioGuard, BrokenSpeechError, TokenGuard
from engines.errors import (
    EngineFailureError,
    EngineLoadError,
    NothingToSpeakError,
    VoiceNeededError,
)
from engines.protocol import Mode, Reference, SynthesisRequest

TEXT = "Hi."


@pytest.fixture(scope="module", params=list(Version))
def engine(request, tmp_path_factory):
    folder = write_model(tmp_path_factory.mktemp("model"), request.param)
    engine = CosyVoiceEngine(
        CosyVoiceSettings(engine="cosyvoice", model_dir=folder, guards=False, threads=1)
    )
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def voice(engine):
    samples = np.random.default_rng(0).standard_normal(24_000 * 2).astype(np.float32) * 0.1
    return engine.prepare_voice(Reference(samples, 24_000))


def request(voice, mode=Mode.TTS, **fields):
    return SynthesisRequest(fields.pop("text", TEXT), mode=mode, voice=voice, seed=1, **fields)


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        (Mode.TTS, {"transcript": "Built in."}),
        (Mode.TTS, {}),
        (Mode.ZERO_SHOT, {"transcript": "What was said."}),
        (Mode.CROSS_LINGUAL, {}),
        (Mode.INSTRUCT, {"instruction": "Softly."}),
        (Mode.SFT, {}),
    ],
)
def test_every_mode_speaks(engine, voice, mode, fields):
    samples = engine.speak(request(voice, mode, **fields))
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() > 1e-3
    assert len(samples) % 960 == 0


def test_what_a_mode_says_reaches_the_model(engine, voice):
    plain = engine.speak(request(voice, Mode.CROSS_LINGUAL))
    soft = engine.speak(request(voice, Mode.INSTRUCT, instruction="Softly."))
    loud = engine.speak(request(voice, Mode.INSTRUCT, instruction="Loudly."))
    for one, other in ((plain, soft), (soft, loud)):
        assert one.shape != other.shape or not np.allclose(one, other, atol=1e-2)


def test_a_seed_repeats_the_audio(engine, voice):
    one, two = (engine.speak(request(voice, stream=False)) for _ in range(2))
    np.testing.assert_allclose(one, two, atol=3e-3)


@pytest.mark.parametrize("stream", [True, False])
def test_speed(engine, voice, stream):
    natural = engine.speak(request(voice, stream=stream))
    for speed in (0.25, 2.0, 4.0):
        changed = engine.speak(request(voice, stream=stream, speed=speed))
        assert len(changed) == pytest.approx(len(natural) / speed, abs=960)


async def test_text_streams_in(engine, voice):
    async def pieces():
        for piece in ("Some text ", "that comes ", "in pieces, ", "as it is written."):
            await asyncio.sleep(0.01)
            yield piece

    spoken = engine.synthesize_pieces(pieces(), request(voice, transcript="Hm.", text=""))
    async with aclosing(spoken) as chunks:
        samples = np.concatenate([chunk async for chunk in chunks])
    assert len(samples) > 24_000


async def test_a_text_that_breaks_off_is_an_error(engine, voice):
    async def pieces():
        yield "This begins "
        raise ConnectionError("the writer is gone")

    with pytest.raises(ConnectionError):
        async with aclosing(engine.synthesize_pieces(pieces(), request(voice))) as chunks:
            async for _ in chunks:
                pass


async def test_who_leaves_stops_the_model(engine, voice):
    before = engine.figures()["cancelled"]
    chunks = engine.synthesize(request(voice, text="A long text. " * 20))
    await anext(chunks)
    await chunks.aclose()
    for _ in range(100):
        if engine.figures()["cancelled"] > before:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the speech goes on")


def test_it_tells_how_long_a_request_waited_and_whose_it_was(engine, voice):
    asked = request(voice, request_id="r-9")
    engine.speak(asked)
    assert 0 <= asked.turn.queue_wait_s < 60
    wanted = engine._wanted(asked, [], voice, listener=None)
    assert wanted.request_id == "r-9"


def test_nothing_to_speak(engine, voice):
    with pytest.raises(NothingToSpeakError):
        engine.speak(request(voice, text="..."))


def test_a_voice_is_needed(engine):
    with pytest.raises(VoiceNeededError):
        engine.speak(SynthesisRequest(TEXT))


def test_what_it_says_of_itself(engine):
    assert engine.info.loaded_line() in {
        "CosyVoice 2.0 loaded on cpu (fp16=False)",
        "CosyVoice 3.0 loaded on cpu (fp16=False)",
    }


def test_requests_under_way_end_with_an_error_when_the_engine_closes(tmp_path):
    folder = write_model(tmp_path / "model", Version.COSYVOICE3)
    engine = CosyVoiceEngine(CosyVoiceSettings(engine="cosyvoice", model_dir=folder, guards=False))
    samples = np.zeros(24_000, np.float32)
    voice = engine.prepare_voice(Reference(samples, 24_000))

    async def speak():
        chunks = engine.synthesize(request(voice, text="A long text. " * 50))
        await anext(chunks)
        await asyncio.to_thread(engine.close)
        async for _ in chunks:
            pass

    with pytest.raises(EngineFailureError):
        asyncio.run(speak())
    with pytest.raises(EngineFailureError):
        engine.speak(request(voice))


def test_voices_are_kept_on_disk(tmp_path):
    clip = Reference(np.full(24_000, 0.1, np.float32), 24_000)
    made = VoicePrompt(
        version=Version.COSYVOICE2,
        tokens=torch.arange(25),
        mel=torch.zeros(50, 80),
        speaker=torch.ones(192),
    )
    kept = KeptVoices(tmp_path / "voices", Version.COSYVOICE2)
    assert kept.get(clip, lambda _: made) is made
    again = kept.get(clip, pytest.fail)
    assert torch.equal(again.tokens, made.tokens)
    (file,) = (tmp_path / "voices").iterdir()
    file.write_bytes(b"broken")
    assert kept.get(clip, lambda _: made) is made
    assert torch.equal(kept.get(clip, pytest.fail).speaker, made.speaker), "it was kept anew"
    (tmp_path / "file").write_text("")
    nowhere = KeptVoices(tmp_path / "file", Version.COSYVOICE2)
    assert nowhere.get(clip, lambda _: made) is made


def test_the_readme_lines_speak(tmp_path, monkeypatch):
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.+?)\n```", readme, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 6
    write_model(tmp_path / "models/CosyVoice2-0.5B", Version.COSYVOICE2, brief=True)
    noise = np.random.default_rng(0).standard_normal(48_000) * 0.1
    soundfile.write(tmp_path / "me.wav", noise, 24_000)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(lines, "README.md", "exec"), names)
    names["engine"].close()
    samples, rate_hz = soundfile.read("hello.wav")
    assert rate_hz == 24_000
    assert len(samples) / rate_hz > 0.4


def test_a_wrong_directory_is_one_clear_error(tmp_path):
    with pytest.raises(EngineLoadError, match="fetch it"):
        CosyVoiceEngine(CosyVoiceSettings(engine="cosyvoice", model_dir=tmp_path))


def test_loops_of_tokens_are_noticed():
    guard = TokenGuard()
    for token in range(100):
        guard.check(token % 40)
    with pytest.raises(BrokenSpeechError, match="repeats token 7"):
        for _ in range(25):
            guard.check(7)
    guard = TokenGuard()
    with pytest.raises(BrokenSpeechError, match="repeats 3 tokens"):
        for index in range(75):
            guard.check((4, 5, 6)[index % 3])


def test_sound_that_is_none_is_noticed():
    guard = AudioGuard()
    guard.check(np.full(48_000, 0.5, np.float32))
    guard.check(np.zeros(72_000, np.float32))
    with pytest.raises(BrokenSpeechError, match="no sound"):
        guard.check(np.zeros(48_000, np.float32))
    with pytest.raises(BrokenSpeechError, match="not finite"):
        AudioGuard().check(np.array([0.1, np.nan], np.float32))
