import time

import pytest
from conftest import CLIP, draft

from configs.app import Voices
from configs.invalid_field import InvalidFieldError
from voices.errors import (
    DuplicateVoiceError,
    TooManyVoicesError,
    UnknownVoiceError,
    VoiceStoreError,
)
from voices.index import FOLDER, object_name
from voices.objects import ObjectChangedError, ObjectExistsError
from voices.store import VoiceStore
from voices.voice import VoiceQuality, VoiceWarning

QUALITY = VoiceQuality(
    duration_s=4.2, level_dbfs=-20, peak_dbfs=-3, clipped_share=0, noise_dbfs=-70, snr_db=50,
    speech_share=0.8,
)  # fmt: skip


def names(store):
    return sorted(entry.record.name for entry in store.index().live.values())


def objects_of(store):
    objects = store._objects
    return {
        f"{folder}/{name}"
        for folder in (FOLDER, "clips", "features")
        for name in objects.list(folder)
    }


def test_a_voice_comes_back_as_it_was_registered(store, other):
    warning = VoiceWarning(code="quiet", message="Speak up.")
    voice = store.register(
        draft("Ann's best".replace("'", ""), transcript="Hello.", language="en",
              consent="Ann agreed.", quality=QUALITY, warnings=(warning,))
    )  # fmt: skip
    seen = other.index().find(voice.id)
    assert seen == voice
    assert seen.id.startswith("voice_")
    assert (seen.transcript, seen.consent, seen.quality) == ("Hello.", "Ann agreed.", QUALITY)
    assert seen.warnings == (warning,)
    assert abs(seen.created_at - time.time()) < 60
    assert other.clip(voice.id) == CLIP
    assert other.index().find("ANNS BEST").id == voice.id


def test_each_replica_sees_what_another_did(store, other):
    voice = store.register(draft("one"))
    assert names(other) == ["one"]
    other.rename(voice.id, "two")
    assert names(store) == ["two"]
    store.delete(voice.id)
    assert names(other) == []
    with pytest.raises(UnknownVoiceError):
        other.clip(voice.id)


def test_a_name_belongs_to_one_voice_in_whatever_case(store, other):
    store.register(draft("Anna"))
    with pytest.raises(DuplicateVoiceError, match="anna"):
        other.register(draft("anna", owner="bob"))
    second = other.register(draft("bert"))
    with pytest.raises(DuplicateVoiceError):
        other.rename(second.id, "ANNA")
    assert names(store) == ["Anna", "bert"]


def test_of_two_who_look_at_the_same_moment_one_gets_the_name(store, other, monkeypatch):
    """The other's view is from before: only the store itself can tell that the name is taken."""
    before = other.index()
    store.register(draft("anna"))
    with monkeypatch.context() as patch:
        patch.setattr(other, "index", lambda: before)
        with pytest.raises(DuplicateVoiceError):
            other.register(draft("anna", owner="bob"))
    assert [entry.record.owner for entry in store.index().live.values()] == ["ann"]
    assert len(store._objects.list("clips")) == 1, "the loser's clip is left behind"


def test_a_name_is_free_again_after_a_deletion_or_a_rename(store):
    first = store.register(draft("anna"))
    store.rename(first.id, "berta")
    second = store.register(draft("anna"))
    store.delete(second.id)
    third = store.register(draft("anna"))
    assert len({first.id, second.id, third.id}) == 3
    assert names(store) == ["anna", "berta"]


def test_a_rename_keeps_everything_else(store):
    voice = store.register(draft("anna", transcript="Hello."))
    renamed = store.rename(voice.id, "Anna")
    assert renamed.model_copy(update={"name": "anna", "revision": 0}) == voice
    assert names(store) == ["Anna"]
    assert store.clip(voice.id) == CLIP


def test_deleting_leaves_nothing_but_the_word_that_it_is_gone(store):
    voice = store.register(draft("anna"))
    store.put_features(voice.id, "tone", b"123")
    store.delete(voice.id)
    assert objects_of(store) == {f"{FOLDER}/gone-{voice.id}"}
    with pytest.raises(UnknownVoiceError):
        store.delete(voice.id)
    with pytest.raises(UnknownVoiceError):
        store.rename(voice.id, "berta")


def test_features_lie_beside_the_voice(store, other):
    voice = store.register(draft("anna"))
    assert other.features(voice.id, "tone") is None
    store.put_features(voice.id, "tone", b"123")
    assert other.features(voice.id, "tone") == b"123"
    assert other.features(voice.id, "cosyvoice2.safetensors") is None


def test_no_features_are_kept_of_a_voice_that_is_gone(store):
    voice = store.register(draft("anna"))
    store.delete(voice.id)
    store.put_features(voice.id, "tone", b"123")
    assert store.features(voice.id, "tone") is None


def test_an_owner_may_have_so_many_voices(store, other):
    for number in range(3):
        store.register(draft(f"voice {number}".title()))
    with pytest.raises(TooManyVoicesError, match="3 voices"):
        other.register(draft("one more"))
    other.register(draft("another owner", owner="bob"))
    store.delete(store.index().find("Voice 0").id)
    other.register(draft("one more"))
    assert len(store._objects.list("clips")) == 4


def test_the_limit_holds_for_two_who_come_at_once(store, other, monkeypatch):
    for number in range(2):
        store.register(draft(f"v{number}"))
    looks = iter([other.index(), other.index()])  # of before, as the other replica's were
    store.register(draft("v2"))
    index = other.index
    monkeypatch.setattr(other, "index", lambda: next(looks, None) or index())
    with pytest.raises(TooManyVoicesError):
        other.register(draft("v3"))
    assert names(store) == ["v0", "v1", "v2"]


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "../up", ".hidden", "a\nb", "a\0", "ä", "小明", "-x", "x-", "voice_1",
     "x" * 65, 'a"b', "a;b", "a%2f", "a:b"],
)  # fmt: skip
def test_a_name_is_safe_in_headers_logs_and_file_names(tmp_path, name):
    store = VoiceStore.open(Voices(store=str(tmp_path)))
    with pytest.raises(InvalidFieldError, match="Latin letters"):
        store.register(draft(name))
    assert names(store) == []


@pytest.mark.parametrize("name", ["a", "A.b-c_d 9", "x" * 64, "con.1"])
def test_what_a_name_may_be(tmp_path, name):
    store = VoiceStore.open(Voices(store=str(tmp_path)))
    voice = store.register(draft(name))
    assert store.index().find(voice.id).name == name


# -- what somebody who died in the middle leaves behind ------------------------------------


def test_a_rename_that_was_cut_off_counts_once(store, other, monkeypatch):
    voice = store.register(draft("old"))
    with monkeypatch.context() as patch:
        patch.setattr(store, "_remove_leftovers", lambda *_: None)
        store.rename(voice.id, "new")
    assert names(other) == ["new"]
    assert other.index().find("old") is None
    successor = other.register(draft("old", owner="bob"))
    assert other.index().find("old").id == successor.id
    assert names(other) == ["new", "old"]


def test_a_deletion_that_was_cut_off_is_one(store, other, monkeypatch):
    voice = store.register(draft("anna"))
    with monkeypatch.context() as patch:
        patch.setattr(store, "_remove_leftovers", lambda *_: None)
        patch.setattr(store, "_remove_content", lambda *_: None)
        store.delete(voice.id)
    assert names(other) == []
    assert other.register(draft("anna")).id != voice.id
    assert other.sweep() == 1
    assert len(other._objects.list("clips")) == 1


def test_what_is_swept_is_nobodys(store, monkeypatch):
    kept = store.register(draft("anna"))
    store.put_features(kept.id, "tone", b"1")
    store._objects.put("clips/voice_lost.flac", CLIP)
    store._objects.put("features/voice_lost.tone", b"1")
    assert store.sweep() == 0, "it may be on its way"
    monkeypatch.setattr("voices.store._GRACE_S", -60.0)
    assert store.sweep() == 1
    assert store.sweep() == 0
    assert names(store) == ["anna"]
    assert store.clip(kept.id) == CLIP
    assert store.features(kept.id, "tone") == b"1"


def test_old_words_of_deletions_are_swept(store, monkeypatch):
    store.delete(store.register(draft("anna")).id)
    store.sweep()
    assert len(objects_of(store)) == 1
    monkeypatch.setattr("voices.store._GRACE_S", -60.0)
    store.sweep()
    assert objects_of(store) == set()


def test_a_record_that_cannot_be_read_is_left_alone(store, monkeypatch):
    voice = store.register(draft("anna"))
    store._objects.put(f"{FOLDER}/{object_name('anna')}", b"{")
    assert names(store) == []
    with pytest.raises(DuplicateVoiceError):
        store.register(draft("anna"))
    monkeypatch.setattr("voices.store._GRACE_S", -60.0)
    store.sweep()
    assert store.clip(voice.id) == CLIP


def test_conditions_are_kept(store):
    objects = store._objects
    objects.create("index/name-a", b"1")
    with pytest.raises(ObjectExistsError):
        objects.create("index/name-a", b"2")
    version = objects.list("index")["name-a"].version
    objects.replace("index/name-a", b"22", version)
    with pytest.raises(ObjectChangedError):
        objects.replace("index/name-a", b"333", version)
    with pytest.raises(ObjectChangedError):
        objects.replace("index/name-b", b"3", version)
    objects.delete("index/name-a", version)
    assert objects.read("index/name-a") == b"22"
    objects.delete("index/name-a", objects.list("index")["name-a"].version)
    objects.delete("index/name-a")
    assert objects.read("index/name-a") is None


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    store = VoiceStore.open(Voices(store=str(tmp_path / "file")))
    with pytest.raises(VoiceStoreError):
        store.register(draft("anna"))


def test_a_bucket_that_is_not_there_says_so(s3_options):
    store = VoiceStore.open(Voices(store="s3://nowhere/x", store_options=s3_options))
    with pytest.raises(VoiceStoreError):
        store.register(draft("anna"))
