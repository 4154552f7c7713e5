import pytest
from model_files import write_model_files
from transformers import AutoTokenizer

from engines.cosyvoice.config import END_OF_PROMPT_ID, Version
from engines.cosyvoice.text.front_end import TextFrontEnd
from engines.cosyvoice.text.normalizer import TextNormalizer
from engines.cosyvoice.text.tokenizer import TextTokenizer, special_tokens
from engines.errors import EngineLoadError

LONG = " ".join(f"This is sentence {word} of a long text." for word in "abcdefghijklm")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    opened = {}
    for version in Version:
        folder = tmp_path_factory.mktemp(version)
        write_model_files(folder, version)
        opened[version] = TextTokenizer(folder / "CosyVoice-BlankEN", version)
    return opened


@pytest.fixture(params=list(Version))
def front_end(request, tokenizers):
    return TextFrontEnd(tokenizers[request.param], TextNormalizer(), request.param)


@pytest.fixture
def front_ends(tokenizers):
    return {v: TextFrontEnd(t, TextNormalizer(), v) for v, t in tokenizers.items()}


def test_special_tokens_have_the_ids_of_their_order(tokenizers):
    two, three = tokenizers[Version.COSYVOICE2], tokenizers[Version.COSYVOICE3]
    assert two.encode("<|endofprompt|>") == [END_OF_PROMPT_ID]
    assert two.encode("[breath]<strong>") == [END_OF_PROMPT_ID + 1, END_OF_PROMPT_ID + 2]
    assert three.encode("<|endofsystem|>[AA]") == [END_OF_PROMPT_ID + 17, END_OF_PROMPT_ID + 18]
    assert len(two.encode("[AA]")) > 1, "CosyVoice 2 has no sounds"
    assert len(set(special_tokens(Version.COSYVOICE3))) == 280


def test_another_vocabulary_is_refused(tmp_path):
    write_model_files(tmp_path, Version.COSYVOICE2)
    folder = tmp_path / "CosyVoice-BlankEN"
    other = AutoTokenizer.from_pretrained(folder)
    other.add_tokens(["<one-more>"])
    other.save_pretrained(folder)
    with pytest.raises(EngineLoadError, match="151647 instead of 151646"):
        TextTokenizer(folder, Version.COSYVOICE2)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It cost $3.50 on Jan 5, 2024.", ["three point five dollars", "fifth of january"]),
        ("二零二四年占50%", ["百分之五十"]),
        ("面积是20²平方米", ["平方"]),
        ("He is 9.", ["nine"]),
    ],
)
def test_numbers_and_signs_are_written_out(front_end, written, spoken):
    normal = front_end.normalize(written)
    assert all(part in normal for part in spoken), normal
    assert not any(character.isdigit() for character in normal)


def test_other_languages_are_left_alone(front_end):
    assert front_end.normalize("Es kostet 25 Euro, größer", "de") == "Es kostet 25 Euro, größer"


def test_long_texts_are_split_at_sentences(front_end):
    segments = front_end.segments(LONG)
    assert len(segments) > 3
    assert "".join(segments) == LONG
    assert all(segment.endswith(".") for segment in segments)


@pytest.mark.parametrize("text", ["", "  ", "...", "?!，。", "<|en|>"])
def test_nothing_to_speak_gives_no_segments(front_end, text):
    assert [s for s in front_end.segments(text) if s != "<|en|>."] == []


def test_marks_stay_and_what_is_between_them_is_still_normalised_and_split(front_end):
    segments = front_end.segments(f"<|en|>It is 9. {LONG}")
    assert segments[0].startswith("<|en|>It is nine. ")
    assert len(segments) > 3
    assert "".join(segments).count("<|en|>") == 1


def test_the_prompt_in_a_text_stands_before_every_segment(front_end):
    segments = front_end.segments(f"Be happy at 9.<|endofprompt|>{LONG}")
    assert len(segments) > 3
    assert all(segment.startswith("Be happy at 9.<|endofprompt|>") for segment in segments)


def test_each_version_gets_its_prompt(front_ends):
    two, three = front_ends[Version.COSYVOICE2], front_ends[Version.COSYVOICE3]
    system = "You are a helpful assistant."
    assert two.transcript("Take 2.") == "Take two."
    assert three.transcript("Take 2.") == f"{system}<|endofprompt|>Take two."
    assert two.instruction("Softly.") == "Softly.<|endofprompt|>"
    assert three.instruction("Softly.") == f"{system} Softly.<|endofprompt|>"
    assert three.instruction("Softly.<|endofprompt|>") == "Softly.<|endofprompt|>"
    assert (two.plain(), three.plain()) == ("", f"{system}<|endofprompt|>")
    given = "Mine.<|endofprompt|>Words."
    assert three.transcript(given) == given
