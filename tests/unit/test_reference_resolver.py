import base64

import pytest

from configs.invalid_field import InvalidFieldError
from serve_app.errors import UnknownReferenceError
from serve_app.references import ReferenceResolver
from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.errors import ForbiddenPathError, UnknownVoiceError
from voices.reference_folder import ReferenceFolder
from voices.registry import VoiceRegistry

CLIP = bytes(range(256)) * 4
BASE64 = base64.b64encode(CLIP).decode()


@pytest.fixture
def resolver(tmp_path):
    (tmp_path / "clip.wav").touch()
    return ReferenceResolver(
        VoiceRegistry(VoiceCatalogue([BUILTIN_FOLDER])), ReferenceFolder(tmp_path)
    )


@pytest.mark.parametrize(
    "value",
    [CLIP, BASE64, f"data:audio/wav;base64,{BASE64}", f"data:;base64,{BASE64}",
     f"DATA:audio/x-wav;codecs=1;BASE64,{BASE64}", base64.encodebytes(CLIP).decode()],
    ids=["upload", "base64", "data URI", "bare data URI", "odd data URI", "lines"],
)  # fmt: skip
def test_a_file_in_any_wrapping(resolver, value):
    reference = resolver.reference(value)
    assert reference.clip == CLIP
    assert reference.label == "reference"
    assert reference.brought


def test_a_registered_voice_brings_its_transcript(resolver):
    reference = resolver.reference("qwen")
    assert reference.clip == BUILTIN_FOLDER / "qwen" / "reference.flac"
    assert reference.label == "qwen"
    assert reference.transcript.startswith("Welcome")
    assert not reference.brought


def test_a_path_inside_the_folder(resolver, tmp_path):
    assert resolver.reference("clip.wav").clip == tmp_path / "clip.wav"


@pytest.mark.parametrize("path", ["../clip.wav", "/etc/passwd", "/etc/shadow1", "a/b", "c.wav"])
def test_a_path_outside_is_never_opened(resolver, path):
    with pytest.raises(ForbiddenPathError):
        resolver.reference(path)


def test_a_name_that_nobody_has(resolver):
    with pytest.raises(UnknownReferenceError, match="known voices"):
        resolver.reference("bob")
    with pytest.raises(UnknownVoiceError):
        resolver.voice("bob")


@pytest.mark.parametrize("value", ["!" * 300, "data:audio/wav;base64,", "data:;base64,%%%"])
def test_what_is_none_of_them(resolver, value):
    with pytest.raises(InvalidFieldError) as caught:
        resolver.reference(value)
    assert caught.value.field == "reference_audio"
