import pytest
import torch
from tiny_models import llm_config, llm_state
from transformers import Qwen2Config, Qwen2Model

from engines.cosyvoice.llm import CacheFullError, KvCache, NoFreeSlotError, SpeechLm, Symbol, Turn
from engines.cosyvoice.llm import Table as T  # noqa: N817
from engines.cosyvoice.llm.linear import make_linear
from engines.cosyvoice.llm.rope import RotaryTable, rotate

TOLERANCE = 1e-4


def speech(*ids):
    return [Symbol(T.SPEECH, index) for index in ids]


def text(*ids):
    return [Symbol(T.TEXT, index) for index in ids]


def sequence(length, seed):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(0, 40, (length - 1,), generator=generator).tolist()
    return [Symbol(T.SPECIAL, 0), *text(*drawn[: length // 2]), *speech(*drawn[length // 2 :])]


def alone(model, symbols):
    """Scores after every prefix, from one uncached pass each."""
    scores = []
    for end in range(1, len(symbols) + 1):
        cache = model.new_cache(slots=1, capacity=len(symbols))
        scores.append(model.forward(cache, [Turn(0, symbols[:end])])[0])
    return torch.stack(scores)


@pytest.fixture(scope="module")
def model():
    return SpeechLm.load(llm_state(llm_config()), llm_config())


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"heads": 5, "kv_heads": 5, "head_dim": 8},
        {"heads": 4, "kv_heads": 1, "head_dim": 6, "layers": 1},
        {"output_bias": False, "separate_special_embedding": False, "sos": 40, "task": 41},
    ],
)
def test_equals_transformers_qwen2(sizes):
    config = llm_config(**sizes)
    state = llm_state(config, seed=3)
    reference = Qwen2Model(
        Qwen2Config(
            vocab_size=config.text_vocab,
            hidden_size=config.hidden,
            intermediate_size=config.ffn,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            head_dim=config.head_dim,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            rms_norm_eps=config.norm_eps,
        )
    ).eval()
    prefix = "llm.model.model."
    body = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    reference.load_state_dict(body)
    model = SpeechLm.load(state, config)
    symbols = sequence(40, 1)
    with torch.inference_mode():
        hidden = reference(inputs_embeds=model.embed(symbols)[None]).last_hidden_state[0]
        expected = hidden @ state["llm_decoder.weight"].T + state.get("llm_decoder.bias", 0.0)
    assert (alone(model, symbols) - expected.log_softmax(-1)).abs().max() < TOLERANCE


def test_cached_steps_equal_whole_passes(model):
    symbols = sequence(30, 2)
    cache = model.new_cache(slots=1, capacity=30)
    steps = [model.forward(cache, [Turn(0, [symbol])])[0] for symbol in symbols]
    assert (torch.stack(steps) - alone(model, symbols)).abs().max() < TOLERANCE


@pytest.mark.parametrize("piece", [1, 2, 7, 100])
def test_a_prompt_may_be_fed_in_pieces(model, piece):
    symbols = sequence(23, 3)
    cache = model.new_cache(slots=2, capacity=23)
    for start in range(0, 23, piece):
        last = start + piece >= 23
        scores = model.forward(cache, [Turn(1, symbols[start : start + piece], scored=last)])
        assert len(scores) == int(last)
    assert (scores[0] - alone(model, symbols)[-1]).abs().max() < TOLERANCE


def test_any_mix_of_turns_equals_each_alone(model):
    """Rows and spans, joining and leaving, in slots with gaps, while the cache grows."""
    generator = torch.Generator().manual_seed(5)
    cache = model.new_cache(slots=6, capacity=4, max_capacity=64)
    sequences = {slot: sequence(50, 10 + slot) for slot in range(6)}
    expected = {slot: alone(model, symbols) for slot, symbols in sequences.items()}
    fed = dict.fromkeys(sequences, 0)
    capacities = set()
    while any(fed[slot] < 50 for slot in fed):
        turns = []
        for slot in torch.randperm(6, generator=generator).tolist():
            size = int(torch.randint(0, 5, (), generator=generator))
            symbols = sequences[slot][fed[slot] : fed[slot] + max(1, size * size)]
            if symbols and size != 1:
                turns.append(Turn(slot, symbols))
                fed[slot] += len(symbols)
        if not turns:
            continue
        scores = model.forward(cache, turns)
        capacities.add(cache.capacity)
        for turn, score in zip(turns, scores, strict=True):
            error = (score - expected[turn.slot][fed[turn.slot] - 1]).abs().max()
            assert error < TOLERANCE
    assert len(capacities) > 2


def test_a_slot_is_clean_after_another_request(model):
    cache = model.new_cache(slots=1, capacity=40)
    slot = cache.acquire()
    model.forward(cache, [Turn(slot, sequence(40, 1))])
    cache.release(slot)
    slot = cache.acquire()
    symbols = sequence(9, 2)
    scores = model.forward(cache, [Turn(slot, symbols)])
    assert torch.equal(scores[0], alone(model, symbols)[-1])


def test_slots_are_counted(model):
    cache = model.new_cache(slots=2, capacity=4)
    first, second = cache.acquire(), cache.acquire()
    assert {first, second} == {0, 1}
    assert cache.free_slots == 0
    with pytest.raises(NoFreeSlotError):
        cache.acquire()
    cache.release(first)
    assert cache.acquire() == first


def test_a_full_cache_refuses_before_anything_changes(model):
    cache = model.new_cache(slots=2, capacity=8)
    model.forward(cache, [Turn(0, sequence(8, 1)), Turn(1, sequence(3, 2))])
    before = [layer.clone() for layer in cache.layers]
    with pytest.raises(CacheFullError):
        model.forward(cache, [Turn(1, speech(1)), Turn(0, speech(2))])
    assert cache.lengths == [8, 3]
    assert all(map(torch.equal, before, cache.layers))


def test_bytes_are_known_beforehand():
    config = llm_config()
    for dtype in (torch.float32, torch.bfloat16):
        cache = KvCache(config, slots=3, capacity=17, dtype=dtype)
        assert cache.num_bytes == KvCache.bytes_for(config, slots=3, capacity=17, dtype=dtype)


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"dtype": torch.bfloat16}, 0.25),
        ({"dtype": torch.float16}, 0.03),
        ({"weights": "int8"}, 0.25),
    ],
)
def test_lower_precision_stays_close(model, options, tolerance):
    state = llm_state(llm_config())
    small = SpeechLm.load(state, llm_config(), **options)
    symbols = sequence(90, 4)
    cache, reference = (
        small.new_cache(slots=1, capacity=100),
        model.new_cache(slots=1, capacity=100),
    )
    for fed in (symbols, speech(3)):
        scores = small.forward(cache, [Turn(0, fed)])
        expected = model.forward(reference, [Turn(0, fed)])
        assert scores.dtype == torch.float32
        assert 0 < (scores - expected).abs().max() < tolerance


def test_int8_weights_are_for_the_cpu():
    weight = torch.ones(4, 4)
    with pytest.raises(ValueError, match="CPU only"):
        make_linear(_pretend_cuda(weight), None, dtype=torch.float32, weights="int8")


def _pretend_cuda(weight):
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda")

    return weight.as_subclass(Elsewhere)


def test_packing_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(33, 20, generator=generator)
    bias = torch.randn(33, generator=generator)
    packed = make_linear(weight, bias, dtype=torch.float32)
    for rows in (1, 2, 9, 70):
        inputs = torch.randn(rows, 20, generator=generator)
        expected = torch.nn.functional.linear(inputs, weight, bias)
        assert torch.allclose(packed(inputs), expected, atol=1e-5)


def test_rotation_depends_on_distance_only():
    table = RotaryTable(10, 1e6, 2000, torch.device("cpu"))
    pair = torch.randn(2, 1, 10, generator=torch.Generator().manual_seed(1))

    def product(first, second):
        turned = rotate(pair, *table.at(torch.tensor([first, second])))
        return float((turned[0] * turned[1]).sum())

    assert product(0, 7) == pytest.approx(product(900, 907), abs=1e-3)
    assert product(0, 7) != pytest.approx(product(0, 8), abs=1e-3)
    assert product(5, 5) == pytest.approx(float((pair[0] * pair[1]).sum()), abs=1e-5)
