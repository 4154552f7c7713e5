import pytest

from serve_app.errors import TextTooLongError
from serve_app.sockets.sentences import SentenceGatherer


def gather(pieces, language=None, max_characters=200):
    gatherer = SentenceGatherer(language, max_characters)
    return [gatherer.add(piece) for piece in pieces], gatherer.flush()


def test_a_sentence_is_given_when_the_next_has_begun():
    given, rest = gather(["Hello the", "re. How ar", "e you? I", " am fine."])
    assert given == [[], ["Hello there."], ["How are you?"], []]
    assert rest == ["I am fine."]


def test_a_full_stop_may_not_be_one():
    given, rest = gather(["It costs 3", ".", "5 dollars, says Dr", ". Smith", ". Well"])
    assert [sentence for part in given for sentence in part] == [
        "It costs 3.5 dollars, says Dr. Smith."
    ]
    assert rest == ["Well"]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_nothing_is_lost_however_it_is_cut(size):
    text = "First. Second one! 第三句。第四句? The end"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    given, rest = gather(pieces)
    spoken = "".join(sentence for part in [*given, rest] for sentence in part)
    assert spoken.replace(" ", "") == text.replace(" ", "")


def test_equal_sentences_stay_apart():
    given, rest = gather(["No. No. No. ", "No."])
    assert [sentence for part in [*given, rest] for sentence in part] == ["No."] * 4


def test_a_sentence_without_end_is_refused():
    gatherer = SentenceGatherer("en", 20)
    with pytest.raises(TextTooLongError):
        gatherer.add("x" * 21)


def test_no_text_is_no_sentence():
    assert gather(["", "  "]) == ([[], []], [])
