import pickle

import pytest

from audio import errors as audio_errors
from configs.invalid_field import InvalidFieldError
from deployments import errors as deployment_errors
from deployments.messages import REFUSALS
from engines import errors as engine_errors
from serve_app.dialects import OWN
from serve_app.errors import CLIENT_ERRORS, failure_of
from voices import errors as voice_errors

EXAMPLES = [
    (audio_errors.ReferenceDurationError(0.3, 0.5, 30.0), 422, "0.5 to 30 s"),
    (audio_errors.ReferenceTooLargeError(11, 10), 413, "at most 10"),
    (audio_errors.UndecodableReferenceError(), 422, "WAV"),
    (engine_errors.NothingToSpeakError("piper"), 422, "piper"),
    (engine_errors.UnsupportedLanguageError("piper", "zh", ["en", "ms"]), 422, "en, ms"),
    (engine_errors.UnsupportedModeError("piper", "instruct", ["tts"]), 422, "tts"),
    (deployment_errors.OverloadedError(2.4), 429, "2.4 s"),
    (deployment_errors.UnavailableError(), 503, "not available"),
    (voice_errors.UnknownVoiceError("bob", ["anna", "qwen"]), 404, "anna, qwen"),
    (voice_errors.VoiceStoreError(), 503, "voice store"),
]


@pytest.mark.parametrize(("error", "status", "words"), EXAMPLES)
def test_each_refusal_has_its_answer(error, status, words):
    failure = failure_of(error)
    assert failure.status == status
    assert words in failure.message


@pytest.mark.parametrize(("error", "status", "words"), EXAMPLES)
def test_each_refusal_survives_the_way_between_replicas(error, status, words):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_every_refusal_has_an_answer():
    assert set(REFUSALS) <= set(CLIENT_ERRORS)
    assert {type(error) for error, _, _ in EXAMPLES} == set(REFUSALS)


def test_overload_says_when_to_come_back():
    assert failure_of(deployment_errors.OverloadedError(2.4)).headers == {"Retry-After": "3"}
    assert failure_of(deployment_errors.OverloadedError(0.1)).headers == {"Retry-After": "1"}
    assert "Retry-After" in failure_of(deployment_errors.UnavailableError()).headers


def test_what_is_not_in_the_table_tells_nothing():
    failure = failure_of(engine_errors.EngineFailureError("secret path /root/model"))
    assert failure.status == 500
    assert "secret" not in failure.message


def test_a_subclass_is_answered_like_its_parent():
    class Narrower(audio_errors.UndecodableReferenceError):
        pass

    assert failure_of(Narrower()).status == 422


def test_the_body_names_field_and_what_is_allowed():
    failure = failure_of(InvalidFieldError("speed", "is too large", "0.5 to 2"))
    assert OWN.body(failure) == {
        "error": {
            "code": "invalid_field",
            "message": "speed: is too large; allowed: 0.5 to 2",
            "field": "speed",
            "allowed": "0.5 to 2",
        }
    }
