"""Streamed text against a plain telling of the protocol, one uncached pass for every token."""

import itertools

import pytest
import torch
from tiny_models import llm_config, llm_state

from engines.cosyvoice.llm import (
    GREEDY,
    LlmDecoder,
    SpeechLm,
    StreamedUtterance,
    Symbol,
    Turn,
    UnexpectedTokenError,
)
from engines.cosyvoice.llm import Table as T  # noqa: N817

CONFIG = llm_config(max_token_text_ratio=3)
CONFIG_3 = llm_config(
    max_token_text_ratio=3,
    required_text_id=7,
    separate_special_embedding=False,
    sos=40,
    eos=41,
    task=42,
    fill=43,
)


class PlainStream:
    """All that was ever fed, and all that was said."""

    def __init__(self, model, config, prompt_text, prompt_speech):
        self.model, self.config = model, config
        self.said, self.spoken = [], []
        self.fed = []
        self.text = list(prompt_text)
        self.reference = list(prompt_speech)
        self.waiting = [Symbol(T.SPECIAL, config.sos)]
        if config.required_text_id is not None:
            end = prompt_text.index(config.required_text_id) + 1
            self.waiting += [Symbol(T.TEXT, i) for i in prompt_text[:end]]
            self.text = list(prompt_text[end:])
        self.fill_at = (len(prompt_speech) // 15 + 1) * 15 - len(prompt_speech)

    def best(self, masked):
        self.fed = self.fed + self.waiting
        cache = self.model.new_cache(slots=1, capacity=len(self.fed))
        scores = self.model.forward(cache, [Turn(0, self.fed)])[0].clone()
        if masked:
            scores[self.config.min_length_masked_id] = float("-inf")
        return int(scores.argmax())

    def hear(self, piece):
        self.text.append(piece)
        while self.reference and len(self.text) >= 5:
            self.waiting += [Symbol(T.TEXT, i) for i in self.text[:5]]
            self.waiting += [Symbol(T.SPEECH, i) for i in self.reference[:15]]
            self.text, self.reference = self.text[5:], self.reference[15:]
        if self.reference:
            return
        after_fill = self.said and self.said[-1] == self.config.fill
        if after_fill or (not self.said and len(self.waiting) == 1):
            if len(self.text) < 5:
                return
            block = [Symbol(T.TEXT, i) for i in self.text[:5]]
            self.waiting = block if after_fill else self.waiting + block
            self.text = self.text[5:]
        while True:
            token = self.best(masked=True)
            if len(self.said) == self.fill_at:
                token = self.config.fill
            if token == self.config.fill:
                self.fill_at = len(self.said) + 16
            self.said.append(token)
            if token == self.config.fill:
                return
            if token >= 40:
                raise UnexpectedTokenError(token)
            self.spoken.append(token)
            self.waiting = [Symbol(T.SPEECH, token)]

    def finish(self, limit):
        self.waiting = self.waiting + [Symbol(T.TEXT, i) for i in self.text]
        self.waiting.append(Symbol(T.SPECIAL, self.config.task))
        limit += len(self.said)
        while len(self.said) < limit:
            token = self.best(masked=False)
            self.said.append(token)
            if token == self.config.eos:
                return
            if token >= 40:
                raise UnexpectedTokenError(token)
            self.spoken.append(token)
            self.waiting = [Symbol(T.SPEECH, token)]


def plain(model, config, text, prompt_text, prompt_speech):
    stream = PlainStream(model, config, prompt_text, prompt_speech)
    try:
        for piece in text:
            stream.hear(piece)
        stream.finish(config.max_token_text_ratio * len(text))
    except UnexpectedTokenError:
        return stream.spoken, stream.said, True
    return stream.spoken, stream.said, False


def streamed(model, config, text, prompt_text, prompt_speech, pieces):
    utterance = StreamedUtterance(
        config, prompt_text=prompt_text, prompt_speech=prompt_speech, sampling=GREEDY
    )
    decoder = LlmDecoder(model, slots=2, capacity=16, max_capacity=4096, prefill_symbols=9)
    decoder.join(utterance)
    spoken, failed = [], False
    feeds = iter(pieces)
    position = 0
    for _ in range(3000):
        result = decoder.step()
        spoken += [token for _, token in result.speech]
        if result.finished or result.failed:
            failed = bool(result.failed)
            break
        if position < len(text):
            size = next(feeds)
            utterance.feed(text[position : position + size])
            position += size
        else:
            utterance.end()
    return spoken, utterance.tokens, failed


def head_without(config, *silenced, favour=None):
    """Weights whose head never says some control ids, and some other id rather often."""
    state = llm_state(config, seed=8, spread=2.0)
    bias = torch.zeros(44)
    bias[list(silenced)] = -50.0
    if favour is not None:
        bias[favour] = 3.0
    state["llm_decoder.bias"] = state["llm_decoder.bias"] + bias
    return SpeechLm.load(state, config)


CASES = list(itertools.product((3, 11), (0, 4, 12), (0, 6, 15, 40)))
PIECES = ((1,), (100,), (2, 1, 4))


@pytest.mark.parametrize("config", [CONFIG, CONFIG_3], ids=["2", "3"])
@pytest.mark.parametrize("favoured", [False, True], ids=["forced fill", "own fill"])
def test_follows_the_protocol(config, favoured):
    silenced = {40, 41, 42, 43} - ({config.fill} if favoured else set())
    model = head_without(config, *silenced, favour=config.fill if favoured else None)
    fills = set()
    for (text_size, prompt_size, speech_size), sizes in zip(
        CASES, itertools.cycle(PIECES), strict=False
    ):
        text = [(3 * i) % 50 for i in range(text_size)]
        prompt_text = [(5 * i + 8) % 50 for i in range(prompt_size)]
        if config.required_text_id is not None:
            prompt_text = [1, 2, config.required_text_id, *prompt_text]
        speech = [(7 * i) % 40 for i in range(speech_size)]
        expected = plain(model, config, text, prompt_text, speech)
        found = streamed(model, config, text, prompt_text, speech, itertools.cycle(sizes))
        assert found == expected, (text_size, prompt_size, speech_size)
        fills.add(expected[1].count(config.fill))
    assert len(fills) > 1


def test_a_control_token_amid_speech_is_an_error():
    model = head_without(CONFIG, 42, favour=41)
    text = list(range(20))
    expected = plain(model, CONFIG, text, [], [])
    assert expected[2]
    assert streamed(model, CONFIG, text, [], [], itertools.repeat(1)) == expected


def test_the_end_token_ends_it():
    model = head_without(CONFIG, 41, 42, 43, favour=40)
    spoken, said, failed = streamed(model, CONFIG, list(range(7)), [], [], itertools.repeat(1))
    assert not failed
    assert said[-1] == CONFIG.eos
    assert CONFIG.eos not in spoken
    assert (spoken, said, failed) == plain(model, CONFIG, list(range(7)), [], [])


def test_no_text_says_nothing():
    model = head_without(CONFIG, 40, 41, 42, 43)
    assert streamed(model, CONFIG, [], [1] * 9, [2] * 20, iter(())) == ([], [], False)


def test_waiting_for_text_costs_no_pass():
    calls = []
    model = head_without(CONFIG, 40, 41, 42, 43)
    forward = model.forward
    model.forward = lambda cache, turns: calls.append(len(turns)) or forward(cache, turns)
    decoder = LlmDecoder(model, slots=1, capacity=64, max_capacity=512)
    utterance = StreamedUtterance(CONFIG)
    decoder.join(utterance)
    utterance.feed([1, 2, 3, 4])
    for _ in range(5):
        assert decoder.step().speech == []
    assert calls == []
    utterance.feed([5])
    assert len(decoder.step().speech) == 1


def test_text_after_the_end_is_refused():
    utterance = StreamedUtterance(CONFIG)
    utterance.end()
    with pytest.raises(RuntimeError, match="after the end"):
        utterance.feed([1])
