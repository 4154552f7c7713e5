import pytest
import torch
from tiny_models import llm_config, llm_state

from engines.cosyvoice.config import SamplingConfig
from engines.cosyvoice.llm import (
    GREEDY,
    CacheFullError,
    LlmDecoder,
    LlmPrompt,
    NoFreeSlotError,
    PromptError,
    SpeechLm,
    StreamedUtterance,
    TextUtterance,
    UnexpectedTokenError,
)

CONFIG = llm_config()


@pytest.fixture(scope="module")
def model():
    return SpeechLm.load(llm_state(CONFIG, spread=3.0), CONFIG)


def utterance(number, **options):
    """A different request for every number."""
    prompt = LlmPrompt(
        text=[number + 1] * (1 + number % 3),
        prompt_text=list(range(number % 7)),
        prompt_speech=list(range(3 * number % 31)),
    )
    return TextUtterance(CONFIG, prompt, **({"seed": number} | options))


def run(decoder, *utterances):
    """Decode to the end; what each one said."""
    said = {each: [] for each in utterances}
    left = set(utterances)
    for each in utterances:
        decoder.join(each)
    while left:
        result = decoder.step()
        for each, token in result.speech:
            said[each].append(token)
        left -= set(result.finished) | {each for each, _ in result.failed}
    return [said[each] for each in utterances]


def decoder_for(model, **options):
    return LlmDecoder(model, **({"slots": 8, "capacity": 16, "max_capacity": 512} | options))


def test_requests_say_the_same_alone_and_in_company(model):
    alone = [run(decoder_for(model), utterance(n))[0] for n in range(8)]
    assert run(decoder_for(model), *(utterance(n) for n in range(8))) == alone
    assert len({tuple(tokens) for tokens in alone}) == 8


def test_requests_may_join_and_leave_at_any_step(model):
    alone = {n: run(decoder_for(model), utterance(n))[0] for n in range(12)}
    decoder = decoder_for(model, slots=3, prefill_symbols=5)
    waiting, said, dropped = list(range(12)), {}, utterance(30, sampling=GREEDY)
    decoder.join(dropped)
    numbers = {}
    for step in range(10_000):
        while waiting and decoder.free_slots:
            number = waiting.pop(0)
            joined = utterance(number)
            numbers[joined], said[number] = number, []
            decoder.join(joined)
        result = decoder.step()
        for each, token in result.speech:
            if each is not dropped:
                said[numbers[each]].append(token)
        if step == 4:
            decoder.leave(dropped)
            decoder.leave(dropped)
        if not waiting and decoder.free_slots == 3:
            break
    assert said == alone


def test_the_seed_decides(model):
    first, again, other = (
        run(decoder_for(model), utterance(2, seed=seed))[0] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_long_prompt_is_fed_in_pieces_while_others_speak():
    state = llm_state(CONFIG)
    state["llm_decoder.bias"][40:] = -50.0  # nobody stops
    model = SpeechLm.load(state, CONFIG)
    decoder = decoder_for(model, prefill_symbols=4)
    talker = utterance(2)
    decoder.join(talker)
    while not decoder.step().speech:
        pass
    late = TextUtterance(CONFIG, LlmPrompt([5], prompt_speech=[1] * 37), seed=1)
    decoder.join(late)
    for _ in range(9):
        assert [each for each, _ in decoder.step().speech] == [talker]
    assert {each for each, _ in decoder.step().speech} == {talker, late}


def test_length_limits_count_the_text_without_the_prompt():
    asked = TextUtterance(CONFIG, LlmPrompt([1, 2, 3], prompt_text=[4] * 9))
    assert (asked.min_tokens, asked.max_tokens) == (6, 60)


def test_nothing_is_said_for_no_text(model):
    empty = TextUtterance(CONFIG, LlmPrompt([], prompt_text=[1, 2], prompt_speech=[3]))
    assert run(decoder_for(model), empty, utterance(1))[0] == []


@pytest.mark.parametrize(("stop", "least"), [(40, 4), (41, 0)])
def test_the_minimum_length_masks_one_id_only(stop, least):
    """A head that always says one stop id: upstream masks the first, not the second."""
    state = llm_state(CONFIG)
    state["llm_decoder.weight"] = torch.zeros_like(state["llm_decoder.weight"])
    state["llm_decoder.bias"] = torch.arange(44.0) / 100
    state["llm_decoder.bias"][41:] = -9.0
    state["llm_decoder.bias"][stop] = 9.0
    asked = TextUtterance(CONFIG, LlmPrompt([1, 2]), sampling=GREEDY)
    model = SpeechLm.load(state, CONFIG)
    assert len(run(decoder_for(model), asked)[0]) == least


def test_slots_and_capacity_are_checked_at_the_door(model):
    decoder = decoder_for(model, slots=1, max_capacity=60)
    with pytest.raises(CacheFullError):
        decoder.join(utterance(5))
    decoder.join(TextUtterance(CONFIG, LlmPrompt([1])))
    with pytest.raises(NoFreeSlotError):
        decoder.join(TextUtterance(CONFIG, LlmPrompt([1])))


def test_an_utterance_that_just_fits_is_spoken_to_its_end(model):
    asked = TextUtterance(
        CONFIG, LlmPrompt([1, 2], prompt_speech=[3] * 5), sampling=SamplingConfig(top_p=0.1)
    )
    decoder = decoder_for(model, capacity=8, max_capacity=asked.most_positions)
    assert 0 < len(run(decoder, asked)[0]) <= 40
    assert decoder.num_bytes > 0


@pytest.mark.parametrize(
    "prompt",
    [
        LlmPrompt([50]),
        LlmPrompt([-1]),
        LlmPrompt([1], prompt_text=[50]),
        LlmPrompt([1], prompt_speech=[44]),
    ],
)
def test_unknown_ids_are_refused(prompt):
    with pytest.raises(PromptError):
        TextUtterance(CONFIG, prompt)


def test_cosyvoice_3_demands_its_mark():
    config = llm_config(required_text_id=7)
    with pytest.raises(PromptError, match="end-of-prompt"):
        TextUtterance(config, LlmPrompt([1, 2]))
    with pytest.raises(PromptError, match="end-of-prompt"):
        StreamedUtterance(config, prompt_text=[1])
    TextUtterance(config, LlmPrompt([1, 2], prompt_text=[7]))
    TextUtterance(config, LlmPrompt([7]))


def test_one_failure_leaves_the_others_alone():
    state = llm_state(CONFIG, spread=3.0)
    expected = run(decoder_for(SpeechLm.load(state, CONFIG)), utterance(4, sampling=GREEDY))
    state["llm_decoder.bias"][43] += 1.0
    model = SpeechLm.load(state, CONFIG)
    streamed = StreamedUtterance(CONFIG, sampling=SamplingConfig(top_p=0.9, top_k=44), seed=0)
    streamed.feed([1] * 40)
    streamed.end()
    fails = LlmDecoder(model, slots=2, capacity=16, max_capacity=1024, choose=_say_43_when_streamed)
    said = []
    steady = utterance(4, sampling=GREEDY)
    fails.join(steady)
    fails.join(streamed)
    failed = []
    while not steady.finished:
        result = fails.step()
        said += [token for each, token in result.speech if each is steady]
        failed += result.failed
    assert [type(error) for _, error in failed] == [UnexpectedTokenError]
    assert said == expected[0]
    assert fails.free_slots == 2 or not fails.step().speech


def _say_43_when_streamed(scores, utterances):
    from engines.cosyvoice.llm.decoder import choose_by_sampling

    chosen = choose_by_sampling(scores, utterances)
    for row, each in enumerate(utterances):
        if isinstance(each, StreamedUtterance):
            chosen[row] = 43
    return chosen


def test_an_endless_stream_of_text_ends_at_the_cache(model):
    decoder = decoder_for(model, slots=1, capacity=8, max_capacity=40)
    streamed = StreamedUtterance(CONFIG, seed=1)
    decoder.join(streamed)
    failed = []
    for step in range(200):
        if not failed:
            streamed.feed([step % 50])
        failed += decoder.step().failed
        if failed:
            break
    assert [type(error) for _, error in failed] in ([CacheFullError], [UnexpectedTokenError])
    assert decoder.free_slots == 1
