import pytest

from audio.formats import AudioFormat
from configs.invalid_field import InvalidFieldError
from configs.voice_aliases import VOICE_ALIASES
from engines.protocol import Mode, Priority
from serve_app.caller import Caller
from serve_app.engine_choice import EngineChoice
from serve_app.errors import TextTooLongError
from serve_app.orders import COSYVOICE, MMS, OrderTaker, SpeechOrder
from serve_app.references import ReferenceResolver
from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.errors import UnknownVoiceError
from voices.reference_folder import ReferenceFolder
from voices.registry import VoiceRegistry

CLIP = b"RIFF" * 300
TEXT = "Good evening."


@pytest.fixture(scope="module")
def references():
    return ReferenceResolver(VoiceRegistry(VoiceCatalogue([BUILTIN_FOLDER])), ReferenceFolder(None))


@pytest.fixture(scope="module")
def taker(references):
    return OrderTaker(references, max_text_characters=40)


def test_text_alone_is_spoken_by_cosyvoice_with_the_default_voice(taker):
    call = taker.take(SpeechOrder(text=TEXT))
    assert (call.engine, call.voice, call.synthesis.mode) == (COSYVOICE, "qwen", Mode.TTS)
    assert call.clip == BUILTIN_FOLDER / "qwen" / "reference.flac"
    assert call.synthesis.transcript.startswith("Welcome")
    assert not call.brought


def test_malay_is_spoken_by_mms_with_its_own_voice(taker):
    call = taker.take(SpeechOrder(text="Selamat pagi", language="ms", voice="anna"))
    assert (call.engine, call.voice, call.clip) == (MMS, "ms", None)


@pytest.mark.parametrize(
    ("text", "engine", "language", "guessed"),
    [
        ("Your order has been shipped.", COSYVOICE, "en", True),
        ("Sila tunggu sebentar.", MMS, "ms", True),
        ("您的订单已经发货。", COSYVOICE, "zh", False),
        ("สวัสดีครับ", MMS, "th", False),
        ("Xylophone!", COSYVOICE, None, False),
    ],
)
def test_a_text_says_its_language_where_the_client_does_not(taker, text, engine, language, guessed):
    call = taker.take(SpeechOrder(text=text))
    assert (call.engine, call.synthesis.language) == (engine, language)
    assert call.synthesis.language_guessed is guessed


def test_what_the_client_says_is_no_guess(taker):
    call = taker.take(SpeechOrder(text="Sila tunggu sebentar.", language="en"))
    assert (call.engine, call.synthesis.language_guessed) == (COSYVOICE, False)
    call = taker.take(SpeechOrder(text="Sila tunggu sebentar.", engine=COSYVOICE))
    assert (call.engine, call.synthesis.language) == (COSYVOICE, "ms")


def test_what_was_said_before_decides_where_it_is_given(taker):
    call = taker.take(SpeechOrder(text="Line busy.", language_sample="Sila tunggu. Line busy."))
    assert call.engine == MMS


@pytest.mark.parametrize("fields", [{"reference": CLIP}, {"instruction": "Whisper."}])
def test_a_voice_or_a_manner_that_mms_has_not_goes_before_the_language(taker, fields):
    call = taker.take(SpeechOrder(text="Sila tunggu sebentar.", language="ms", **fields))
    assert (call.engine, call.synthesis.language) == (COSYVOICE, "ms")


def test_a_voice_of_somebodys_own_goes_before_the_language(own_voice):
    call = own_voice.take(SpeechOrder(text="Sila tunggu sebentar.", voice="silent"))
    assert (call.engine, call.voice) == (COSYVOICE, "silent")


def test_a_profile_may_choose_otherwise():
    resolver = ReferenceResolver(
        VoiceRegistry(VoiceCatalogue([BUILTIN_FOLDER])), ReferenceFolder(None)
    )
    taker = OrderTaker(resolver, 40, choice=EngineChoice({"zlm": COSYVOICE, "fr": MMS}))
    assert taker.take(SpeechOrder(text=TEXT, language="ms")).engine == COSYVOICE
    assert taker.take(SpeechOrder(text=TEXT, language="fr")).engine == MMS


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({"reference": CLIP}, Mode.CROSS_LINGUAL),
        ({"reference": CLIP, "transcript": "Hello."}, Mode.ZERO_SHOT),
        ({"reference": "anna"}, Mode.ZERO_SHOT),
        ({"instruction": "Whisper."}, Mode.INSTRUCT),
        ({"voice": "anna"}, Mode.TTS),
    ],
)
def test_what_comes_along_decides_the_mode(taker, fields, mode):
    assert taker.take(SpeechOrder(text=TEXT, **fields)).synthesis.mode is mode


@pytest.fixture
def own_voice(tmp_path):
    """Takes orders where one voice is known, whose words nobody wrote down."""
    (tmp_path / "silent").mkdir()
    (tmp_path / "silent" / "clip.wav").write_bytes(CLIP)
    (tmp_path / "silent" / "voice.toml").write_text(
        'clip = "clip.wav"\nlanguage = "en"\nlicence = "CC0"\nsource = "a test"\n'
    )
    resolver = ReferenceResolver(VoiceRegistry(VoiceCatalogue([tmp_path])), ReferenceFolder(None))
    return OrderTaker(resolver, max_text_characters=40)


def test_a_registered_voice_without_a_transcript_is_followed_by_its_sound(own_voice):
    for mode in (None, Mode.TTS, Mode.ZERO_SHOT):
        call = own_voice.take(SpeechOrder(text=TEXT, voice="silent", mode=mode))
        assert call.synthesis.mode is Mode.CROSS_LINGUAL


def test_a_clip_needs_its_words_where_zero_shot_is_asked_for(taker):
    with pytest.raises(InvalidFieldError, match="reference_text"):
        taker.take(SpeechOrder(text=TEXT, reference=CLIP, mode=Mode.ZERO_SHOT))


def test_instruct_needs_an_instruction(taker):
    with pytest.raises(InvalidFieldError, match="instruction"):
        taker.take(SpeechOrder(text=TEXT, mode=Mode.INSTRUCT))


def test_a_voice_that_is_not_there(taker):
    with pytest.raises(UnknownVoiceError, match="anna"):
        taker.take(SpeechOrder(text=TEXT, voice="nobody"))


def test_another_services_name_stands_for_a_voice_unless_a_voice_has_it(references):
    aliases = {"alloy": "anna", "siti": "qwen", "echo": "gone"}
    taker = OrderTaker(references, max_text_characters=40, voice_aliases=aliases)
    voices = [taker.take(SpeechOrder(text=TEXT, voice=name)).voice for name in ("alloy", "siti")]
    assert voices == ["anna", "siti"]
    with pytest.raises(UnknownVoiceError, match="gone"):
        taker.take(SpeechOrder(text=TEXT, voice="echo"))


def test_every_alias_stands_for_a_built_in_voice(references):
    for name in VOICE_ALIASES.values():
        assert references.voice(name).label == name


def test_a_text_that_is_too_long(taker):
    with pytest.raises(TextTooLongError, match="41 characters; at most 40"):
        taker.take(SpeechOrder(text="x" * 41))


def test_everything_else_is_handed_on(taker):
    caller = Caller("kiosk", frozenset({"speak"}))
    order = SpeechOrder(
        text=TEXT, language="en", speed=1.5, seed=7, stream=True, priority=Priority.BATCH,
        audio_format=AudioFormat.OPUS, caller=caller,
    )  # fmt: skip
    call = taker.take(order)
    synthesis = call.synthesis
    assert (synthesis.language, synthesis.speed, synthesis.seed) == ("en", 1.5, 7)
    assert synthesis.stream
    assert call.stream
    assert synthesis.priority is Priority.BATCH
    assert (call.audio_format, call.caller) == (AudioFormat.OPUS, caller)
