import pytest

from engines.text import split_text


def test_cuts_at_sentence_ends_and_nowhere_else():
    text = 'Dr. Smith paid 3.14 dollars, e.g. for tea. Really? He said "Stop." Then he left.'
    assert split_text(text, language="en", max_characters=200) == [
        "Dr. Smith paid 3.14 dollars, e.g. for tea.",
        "Really?",
        'He said "Stop."',
        "Then he left.",
    ]


def test_cuts_chinese_at_its_own_marks():
    assert split_text("你好。今天天气很好！你去吗？", language="zh", max_characters=200) == [
        "你好。",
        "今天天气很好！",
        "你去吗？",
    ]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("one two three, four five six, seven eight nine ten", 20),
        ("word " * 100, 37),
        ("x" * 1000, 64),
        ("一二三四五，六七八九十，" * 30, 25),
        ("Kelab itu, yang ditubuhkan pada tahun 1990; kini mempunyai ramai ahli", 30),
    ],
)
def test_long_sentences_are_cut_without_losing_a_character(text, limit):
    pieces = split_text(text, language="en", max_characters=limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_long_sentences_are_cut_at_clauses_first():
    pieces = split_text("one two three, four five six", language="en", max_characters=20)
    assert pieces == ["one two three,", "four five six"]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_nothing_gives_nothing(text):
    assert split_text(text, language="en", max_characters=10) == []
