import numpy as np
import pytest

from configs.engines import ToneSettings
from engines.errors import EngineFailureError
from engines.protocol import Mode, Reference, SynthesisRequest
from engines.tone import ToneEngine


@pytest.fixture
def engine(tmp_path):
    return ToneEngine(ToneSettings(engine="tone", events_file=tmp_path / "events"))


def events(tmp_path):
    return [line.split()[-1] for line in (tmp_path / "events").read_text().splitlines()]


async def spoken(engine, text, **fields):
    return [chunk async for chunk in engine.synthesize(SynthesisRequest(text, **fields))]


async def test_it_speaks_the_same_every_time(engine):
    first, second = [await spoken(engine, "chunks=3") for _ in range(2)]
    assert len(first) == 3
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))


async def test_speed_shortens_it(engine):
    (natural,), (fast,) = [await spoken(engine, "a", speed=speed) for speed in (1.0, 2.0)]
    assert len(fast) * 2 == len(natural)


async def test_it_fails_when_told(engine, tmp_path):
    with pytest.raises(EngineFailureError):
        await spoken(engine, "chunks=5 fail=2")
    assert events(tmp_path) == ["begins", "chunk", "chunk", "stopped"]


async def test_closing_it_early_is_seen(engine, tmp_path):
    chunks = engine.synthesize(SynthesisRequest("chunks=5"))
    await anext(chunks)
    await chunks.aclose()
    assert events(tmp_path) == ["begins", "stopped"]


async def test_a_reference_changes_the_tone(engine, dominant_frequency_hz):
    loud = engine.prepare_voice(Reference(np.full(1_000, 0.5, np.float32), 24_000))
    (plain,), (changed,) = [
        await spoken(engine, "a", mode=Mode.ZERO_SHOT, voice=voice) for voice in (None, loud)
    ]
    assert dominant_frequency_hz(plain) == pytest.approx(220, abs=5)
    assert dominant_frequency_hz(changed) == pytest.approx(330, abs=5)
