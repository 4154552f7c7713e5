import json

import pytest
from starlette.requests import HTTPConnection

from configs.invalid_field import InvalidFieldError
from deployments.errors import OverloadedError
from serve_app.dialects import answer_error, dialect_of
from voices.errors import ForbiddenPathError

WRONG = InvalidFieldError("speed", "is too large", "0.5 to 2")


def connection(path, prefix=""):
    return HTTPConnection({"type": "http", "path": prefix + path, "root_path": prefix})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/model/cosyvoice/tts", "own"),
        ("/v1/audio/speech", "openai"),
        ("/v1/audio/voices/x", "openai voices"),
        ("/v1/models", "openai"),
        ("/inference_sft", "upstream"),
        ("/v1/stream/tts", "agent"),
        ("/v1/synthesize", "agent"),
        ("/voice/upload", "cloning"),
        ("/voices/x", "cloning"),
        ("/elsewhere", "own"),
    ],
)
def test_each_path_has_its_familys_dialect(path, name):
    assert dialect_of(path).name == name


@pytest.mark.parametrize("prefix", ["", "/tone"])
def test_an_error_is_answered_in_the_words_of_the_family(prefix):
    answer = answer_error(connection("/v1/audio/speech", prefix), WRONG)
    assert answer.status_code == 400
    assert json.loads(answer.body) == {
        "error": {
            "message": str(WRONG),
            "type": "invalid_request_error",
            "param": "speed",
            "code": "invalid_field",
        }
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/model/mms/tts", lambda body: body["error"]["message"]),
        ("/v1/audio/speech", lambda body: body["error"]["message"]),
        ("/inference_sft", lambda body: body["detail"]),
        ("/v1/synthesize", lambda body: body["message"]),
        ("/voice/synthesize", lambda body: body["error"]),
    ],
)
def test_every_dialect_has_the_message_and_the_headers(path, message):
    error = OverloadedError(2.4)
    answer = answer_error(connection(path), error)
    assert message(json.loads(answer.body)) == str(error)
    assert answer.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("path", "name", "read"),
    [
        ("/v1/model/mms/tts", "reference_audio", lambda body: body["error"]["field"]),
        ("/v1/audio/speech", "ref_audio", lambda body: body["error"]["param"]),
        ("/v1/audio/voices", "audio_sample", lambda body: body["error"]["param"]),
        ("/v1/synthesize", "reference_audio", lambda body: body["field"]),
    ],
)
def test_a_field_is_called_as_the_family_calls_it(path, name, read):
    """The service's other parts know only our own names."""
    named = InvalidFieldError("reference_audio", "is empty", "a file")
    body = json.loads(answer_error(connection(path), named).body)
    assert read(body) == name
    assert name in str(body["message"] if "message" in body else body["error"]["message"])
    tabled = json.loads(answer_error(connection(path), ForbiddenPathError()).body)
    assert read(tabled) == name
