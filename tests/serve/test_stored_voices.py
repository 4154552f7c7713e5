"""A voice that one replica registers, others speak with, and nobody has any more once deleted.

The test's own process stands for another ingress replica: it has a view and a desk of its own, and
shares nothing with the service but the store and the AudioProcessor.
"""

import asyncio
import contextlib

import pytest
from loopback import wait_until
from ray import serve

from configs.app import Voices
from configs.invalid_field import InvalidFieldError
from serve_app.caller import ANONYMOUS, Caller
from serve_app.voice_desk import NewVoice, VoiceDesk
from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.errors import (
    BuiltinVoiceError,
    DuplicateVoiceError,
    NotYourVoiceError,
    UnknownVoiceError,
)
from voices.registry import VoiceRegistry
from voices.store import VoiceStore
from voices.view import VoiceView

TTS = "/v1/model/cosyvoice/tts"
CLIP = (BUILTIN_FOLDER / "anna" / "reference.flac").read_bytes()
ANN = Caller("ann", frozenset({"voices"}))
BOB = Caller("bob", frozenset({"voices"}))


@pytest.fixture
def settings(tone):
    return Voices(store="logs/tests/tone-voices")


@pytest.fixture
def desk(settings):
    store = VoiceStore.open(settings)
    registry = VoiceRegistry(VoiceCatalogue([BUILTIN_FOLDER]), VoiceView(store, 1.0))
    processor = serve.get_deployment_handle("AudioProcessor", "tone")
    return VoiceDesk(registry, store, processor, settings)


@contextlib.asynccontextmanager
async def registered(desk, name, **fields):
    voice = await desk.register(NewVoice(name=name, audio=CLIP, **fields), ANN)
    try:
        yield voice
    finally:
        with contextlib.suppress(UnknownVoiceError):
            await desk.delete(voice.id, ANONYMOUS)


def speak(client, voice):
    return client.post(TTS, json={"text": "Hello there.", "voice_type": voice})


async def heard(client, voice, status=200):
    """The answer, once the replica has the ``status`` that it shall have."""

    def ask():
        response = speak(client, voice)
        return response if response.status_code == status else None

    return await asyncio.to_thread(wait_until, ask)


async def test_a_registered_voice_speaks_by_name_and_by_id(tone, desk):
    async with registered(desk, "Speaks", transcript="Good morning.") as voice:
        assert (voice.owner, voice.builtin, voice.warnings) == ("ann", False, ())
        assert voice.quality.snr_db > 20
        assert voice.duration_s == pytest.approx(4.934, abs=0.01)
        for name in ("Speaks", "speaks", voice.id):
            response = await heard(tone, name)
            assert response.headers["x-tts-voice"] == "Speaks"
            assert response.headers["x-tts-mode"] == "tts"
        response = await asyncio.to_thread(
            tone.post,
            "/v1/model/cosyvoice/zero_shot",
            json={"text": "Hello.", "reference_audio": voice.id},
        )
        assert response.headers["x-tts-mode"] == "zero_shot"


async def test_without_a_transcript_the_answer_says_what_was_done(tone, desk):
    async with registered(desk, "wordless") as voice:
        assert [warning.code for warning in voice.warnings] == ["no_transcript"]
        response = await heard(tone, "wordless")
        assert response.headers["x-tts-mode"] == "cross_lingual"


async def test_what_was_drawn_from_a_voice_is_there_for_other_replicas(
    tone, desk, settings, events
):
    async with registered(desk, "kept") as voice:
        assert (await heard(tone, "kept")).headers["x-tts-voice-cache"] == "miss"
        assert events().count("prepare_voice") == 1
        store = VoiceStore.open(settings)
        packed = await asyncio.to_thread(wait_until, lambda: store.features(voice.id, "tone"))
        assert float(packed) > 220
        assert (await heard(tone, "kept")).headers["x-tts-voice-cache"] == "hit"


async def test_a_replica_speaks_at_once_with_what_another_has_drawn(tone, desk, settings, events):
    """The clip is not even asked for: there are features before any replica heard of the voice."""
    async with registered(desk, "ready") as voice:
        VoiceStore.open(settings).put_features(voice.id, "tone", b"440.0")
        response = await heard(tone, "ready")
        assert response.headers["x-tts-voice-cache"] == "stored"
        assert "prepare_voice" not in events()


async def test_features_that_cannot_be_read_are_drawn_again(tone, desk, settings, events):
    async with registered(desk, "rotten") as voice:
        VoiceStore.open(settings).put_features(voice.id, "tone", b"no number")
        assert (await heard(tone, "rotten")).headers["x-tts-voice-cache"] == "miss"
        assert events().count("prepare_voice") == 1


async def test_a_deleted_voice_is_refused_and_forgotten_everywhere(tone, desk, settings, events):
    async with registered(desk, "Gone soon") as voice:
        await heard(tone, "Gone soon")
        store = VoiceStore.open(settings)
        await asyncio.to_thread(wait_until, lambda: store.features(voice.id, "tone"))
        await desk.delete(voice.id, ANN)
        for name in ("Gone soon", voice.id):
            response = await heard(tone, name, status=404)
            assert response.json()["error"]["code"] == "unknown_voice"
        await asyncio.to_thread(wait_until, lambda: "forget_voice" in events())
        assert store.features(voice.id, "tone") is None
        with pytest.raises(UnknownVoiceError):
            store.clip(voice.id)
        with pytest.raises(UnknownVoiceError):
            await desk.get("Gone soon")


async def test_a_renamed_voice_answers_to_its_new_name_alone(tone, desk):
    async with registered(desk, "before") as voice:
        await heard(tone, "before")
        renamed = await desk.rename("before", "after", ANN)
        assert (renamed.id, renamed.name) == (voice.id, "after")
        assert (await heard(tone, "after")).headers["x-tts-voice"] == "after"
        await heard(tone, "before", status=404)


async def test_who_may_do_what(desk):
    async with registered(desk, "anns") as voice:
        for refused in (desk.delete("anns", BOB), desk.rename(voice.id, "bobs", BOB)):
            with pytest.raises(NotYourVoiceError):
                await refused
        for refused in (desk.delete("qwen", ANONYMOUS), desk.rename("qwen", "mine", ANONYMOUS)):
            with pytest.raises(BuiltinVoiceError):
                await refused
        with pytest.raises(DuplicateVoiceError):
            await desk.rename("anns", "Qwen", ANN)
        with pytest.raises(DuplicateVoiceError):
            await desk.register(NewVoice(name="ANNS", audio=CLIP), BOB)
        assert (await desk.delete("anns", ANONYMOUS)).id == voice.id


async def test_the_list_has_both_kinds(desk):
    async with registered(desk, "zoe", language="en-US", consent="She agreed.") as voice:
        voices = await desk.voices()
        assert [each.name for each in voices[:4]] == ["amir", "anna", "qwen", "siti"]
        assert voice in voices
        shown = voice.model_dump(mode="json")
        assert shown["object"] == "audio.voice"
        assert (shown["language"], shown["consent"]) == ("en", "She agreed.")
        assert "clip" not in shown


async def test_a_check_keeps_nothing(desk, settings):
    before = VoiceStore.open(settings).index().live.keys()
    check = await desk.check(CLIP)
    assert check.quality.speech_share > 0.5
    assert check.warnings == ()
    assert VoiceStore.open(settings).index().live.keys() == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": "fine", "transcript": "x" * 1_001}, "transcript"),
        ({"name": "fine", "consent": "x" * 1_001}, "consent"),
        ({"name": "fine", "language": "english!"}, "language"),
    ],
)
async def test_what_a_voice_may_not_be(desk, fields, field):
    with pytest.raises(InvalidFieldError) as caught:
        await desk.register(NewVoice(audio=CLIP, **fields), ANN)
    assert caught.value.field == field
