import pytest

from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.errors import BrokenVoiceError, ForbiddenPathError, UnknownVoiceError
from voices.reference_folder import ReferenceFolder

DESCRIPTION = """
clip = "reference.wav"
transcript = "Hello there."
language = "en"
licence = "CC0-1.0"
source = "a test"
"""


def add_voice(folder, name, description=DESCRIPTION, clip="reference.wav"):
    (folder / name).mkdir(parents=True)
    (folder / name / "voice.toml").write_text(description)
    (folder / name / clip).touch()


def test_the_built_in_voices_are_whole():
    catalogue = VoiceCatalogue([BUILTIN_FOLDER])
    assert list(catalogue.voices) == ["amir", "anna", "qwen", "siti"]
    for voice in catalogue.voices.values():
        assert voice.clip.stat().st_size > 10_000
        assert voice.description.licence == "CC0-1.0"
        assert len(voice.description.transcript) > 20


def test_a_later_folder_wins(tmp_path):
    add_voice(tmp_path / "one", "qwen")
    add_voice(tmp_path / "two", "other")
    catalogue = VoiceCatalogue([BUILTIN_FOLDER, tmp_path / "one", tmp_path / "two"])
    assert catalogue.get("qwen").clip == tmp_path / "one" / "qwen" / "reference.wav"
    assert "anna" in catalogue.voices
    assert "other" in catalogue.voices


def test_an_unknown_voice_lists_the_known_ones():
    with pytest.raises(UnknownVoiceError, match="known voices: amir, anna, qwen, siti"):
        VoiceCatalogue([BUILTIN_FOLDER]).get("nobody")


@pytest.mark.parametrize(
    ("description", "fault"),
    [
        (DESCRIPTION.replace('licence = "CC0-1.0"', ""), "licence"),
        (DESCRIPTION + 'colour = "red"', "colour"),
        (DESCRIPTION.replace("reference.wav", "missing.wav"), "missing.wav"),
        (DESCRIPTION.replace("reference.wav", "../reference.wav"), "clip"),
        ("clip =", "voice.toml"),
    ],
)
def test_a_broken_voice_is_named(tmp_path, description, fault):
    add_voice(tmp_path, "bob", description)
    with pytest.raises(BrokenVoiceError, match=fault):
        VoiceCatalogue([tmp_path])


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BrokenVoiceError, match="nowhere"):
        VoiceCatalogue([tmp_path / "nowhere"])


@pytest.fixture
def reference_folder(tmp_path):
    inside = tmp_path / "inside"
    (inside / "team").mkdir(parents=True)
    (inside / "team" / "clip.wav").touch()
    (tmp_path / "outside.wav").touch()
    (inside / "link.wav").symlink_to(tmp_path / "outside.wav")
    (tmp_path / "inside-too").mkdir()
    (tmp_path / "inside-too" / "clip.wav").touch()
    return ReferenceFolder(inside)


def test_a_path_inside_is_found(reference_folder, tmp_path):
    clip = tmp_path / "inside" / "team" / "clip.wav"
    for path in ("team/clip.wav", "./team/../team/clip.wav", str(clip)):
        assert reference_folder.find(path) == clip


@pytest.mark.parametrize(
    "path",
    ["../outside.wav", "/etc/passwd", "link.wav", "team", "nothing.wav", "", ".",
     "team/../../outside.wav", "../inside-too/clip.wav", "a\0b", "x/" * 4_000, "~/.bashrc"],
)  # fmt: skip
def test_no_other_path_is(reference_folder, path):
    with pytest.raises(ForbiddenPathError):
        reference_folder.find(path)


def test_without_a_folder_there_are_no_paths():
    with pytest.raises(ForbiddenPathError):
        ReferenceFolder(None).find("clip.wav")
