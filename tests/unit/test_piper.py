import asyncio

import numpy as np
import onnxruntime
import pytest
import soxr

from configs.engines import PiperSettings
from engines.errors import (
    EngineLoadError,
    NothingToSpeakError,
    UnsupportedLanguageError,
    UnsupportedModeError,
)
from engines.piper import PiperEngine
from engines.piper.pitch import median_pitch_hz, shift_pitch
from engines.protocol import Mode, Reference, SynthesisRequest

RATE_HZ = 22_050


@pytest.fixture(scope="module")
def engine():
    onnxruntime.set_seed(1)  # the model draws from a generator of the process, made with it
    engine = PiperEngine(PiperSettings(engine="piper"))
    yield engine
    engine.close()


async def spoken(engine, text, **fields):
    chunks = [chunk async for chunk in engine.synthesize(SynthesisRequest(text, **fields))]
    return np.concatenate(chunks)


def at_24_khz(samples):
    return soxr.resample(samples, RATE_HZ, 24_000)


async def test_english_can_be_understood(engine, recognise, assert_is_speech):
    samples = at_24_khz(await spoken(engine, "The weather is very good today."))
    assert_is_speech(samples, min_s=1.2, max_s=3.5)
    assert {"weather", "good", "today"} <= set(recognise(samples))


async def test_malay_is_spoken_as_malay(engine, assert_is_speech):
    """Malay "saya" has two open vowels; read as English it is shorter and different."""
    text = "Selamat pagi, nama saya Amir dan saya tinggal di Kuala Lumpur."
    malay = at_24_khz(await spoken(engine, text, language="ms"))
    assert_is_speech(malay, min_s=2.5, max_s=7)
    phonemes = {code: voice.phonemize(text)[0] for code, voice in engine._voices.items()}
    assert phonemes["ms"] != phonemes["en"]
    known = set(engine._voices["ms"].config.phoneme_id_map)
    assert set(phonemes["ms"]) <= known, "a Malay sound is missing from the voice"


async def test_numbers_are_spoken(engine):
    short = await spoken(engine, "I have a cat.")
    long = await spoken(engine, "I have 1,234,567 cats.")
    assert len(long) > 1.5 * len(short)


async def test_malay_numbers_are_spoken_in_malay(engine):
    """Heard by their length: the words of the number, not its digits one by one."""
    number, words, without = [
        len(await spoken(engine, text, language="ms"))
        for text in (
            "Harganya RM1999.50 sahaja.",
            "Harganya seribu sembilan ratus sembilan puluh sembilan ringgit lima puluh sen sahaja.",
            "Harganya sahaja.",
        )
    ]
    assert number == pytest.approx(words, rel=0.25)
    assert number > 2 * without


@pytest.mark.parametrize(
    ("speed", "ratio"),
    [(0.25, 4.0), (0.5, 2.0), (0.8, 1.25), (1.4, 0.714), (2.0, 0.5), (4.0, 0.25)],
)
async def test_speed(engine, speed, ratio):
    text = "The quick brown fox jumps over the lazy dog and runs away. " * 3
    natural, changed = await spoken(engine, text), await spoken(engine, text, speed=speed)
    assert len(changed) / len(natural) == pytest.approx(ratio, rel=0.1)


async def test_each_sentence_is_a_chunk(engine):
    chunks = [c async for c in engine.synthesize(SynthesisRequest("One. Two. Three. " * 3))]
    assert len(chunks) == 9


@pytest.mark.parametrize("pitch_hz", [110.0, 230.0])
async def test_a_cloning_request_moves_the_pitch_and_keeps_the_words(
    engine, recognise, assert_is_speech, pitch_hz
):
    times = np.arange(2 * RATE_HZ) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * k * pitch_hz * times) / k for k in range(1, 15))
    voice = engine.prepare_voice(Reference((0.2 * buzz).astype(np.float32), RATE_HZ))
    assert voice.pitch_hz == pytest.approx(pitch_hz, rel=0.02)
    text = "The weather is very good today."
    samples = await spoken(engine, text, mode=Mode.ZERO_SHOT, voice=voice)
    assert median_pitch_hz(samples, RATE_HZ) == pytest.approx(pitch_hz, rel=0.15)
    assert_is_speech(at_24_khz(samples), min_s=1.2, max_s=3.5)
    assert "weather" in " ".join(recognise(at_24_khz(samples)))


async def test_formants_stay_where_they_are(engine):
    """The spectral envelope (its centroid) moves far less than the pitch."""
    samples = await spoken(engine, "We are all very early in the year.")

    def centroid_hz(signal):
        power = np.abs(np.fft.rfft(signal)) ** 2
        bins = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
        speech = (bins > 300) & (bins < 4_000)
        return np.sum(bins[speech] * power[speech]) / np.sum(power[speech])

    shifted = shift_pitch(samples, RATE_HZ, 1.5)
    assert len(shifted) == len(samples)
    pitches = [median_pitch_hz(signal, RATE_HZ) for signal in (samples, shifted)]
    assert pitches[1] / pitches[0] == pytest.approx(1.5, rel=0.12)
    assert centroid_hz(shifted) / centroid_hz(samples) == pytest.approx(1.0, abs=0.2)


async def test_a_reference_without_voice_leaves_the_voice_alone(engine):
    voice = engine.prepare_voice(Reference(np.zeros(RATE_HZ, np.float32), RATE_HZ))
    assert voice.pitch_hz is None
    samples = await spoken(engine, "Hello there.", mode=Mode.CROSS_LINGUAL, voice=voice)
    assert len(samples) > 0.3 * RATE_HZ


@pytest.mark.parametrize("text", ["你好，世界", "...", "!?", "😀", "привет"])
async def test_what_it_cannot_pronounce_is_refused(engine, text):
    with pytest.raises(NothingToSpeakError):
        await spoken(engine, text)


async def test_what_it_cannot_do_is_refused(engine):
    with pytest.raises(UnsupportedModeError, match="instruct"):
        await spoken(engine, "a", mode=Mode.INSTRUCT)
    with pytest.raises(UnsupportedLanguageError, match="en, ms"):
        await spoken(engine, "a", language="zh")


async def test_raw_phoneme_blocks_are_just_text(engine):
    assert len(await spoken(engine, "Say [[həloʊ]] please.")) > 0


async def test_first_audio_of_a_long_text_comes_like_that_of_one_sentence(engine):
    """Counted in work done, not in time: only the first two sentences are started."""
    started = []
    speak = engine._speak
    engine._speak = lambda voice, speed, text: started.append(text) or speak(voice, speed, text)
    try:
        chunks = engine.synthesize(SynthesisRequest("This is one sentence. " * 200))
        await anext(chunks)
        await chunks.aclose()
        await asyncio.sleep(0.5)
    finally:
        del engine._speak
    assert len(started) <= 2


def test_an_incomplete_voice_is_named(tmp_path):
    (tmp_path / "voice.onnx").touch()
    with pytest.raises(EngineLoadError, match=r"voice\.onnx\.json"):
        PiperEngine(PiperSettings(engine="piper", model=tmp_path / "voice.onnx"))
