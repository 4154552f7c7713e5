import json

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from audio.formats import AudioFormat
from serve_app.bodies import InstructBody, MmsBody, TtsBody, ZeroShotBody
from serve_app.body_limit import BodyLimit
from serve_app.body_reader import read_body
from serve_app.errors import CLIENT_ERRORS, BodyTooLargeError, failure_of


@pytest.fixture
def post():
    """Read a body as the service does; gives the body, or the failure as a client sees it."""

    async def run(body_class, **request):
        app, seen = FastAPI(), []

        @app.post("/")
        async def endpoint(request: Request):
            try:
                seen.append(await read_body(request, body_class, 100_000))
            except CLIENT_ERRORS as error:
                seen.append(failure_of(error))

        transport = httpx.ASGITransport(BodyLimit(app, 1_000_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.post("/", **request)
        return seen[0]

    return run


async def test_defaults(post):
    body = await post(TtsBody, json={"text": "Hello"})
    assert body == TtsBody(
        text="Hello", voice_type="qwen", speed=1.0, stream=False, format=AudioFormat.MP3
    )
    assert (await post(MmsBody, json={"text": "Apa khabar"})).language == "ms"


async def test_json_and_both_kinds_of_form_say_the_same(post):
    fields = {"text": "Hello", "speed": "1.5", "stream": "true", "format": "wav", "seed": "7"}
    typed = {"text": "Hello", "speed": 1.5, "stream": True, "format": "wav", "seed": 7}
    from_json = await post(TtsBody, json=typed)
    assert from_json == await post(TtsBody, data=fields)
    assert from_json == await post(TtsBody, files={k: (None, v) for k, v in fields.items()})
    assert from_json.format is AudioFormat.WAV


async def test_an_upload_arrives_as_bytes_and_a_field_as_a_string(post):
    fields = {"text": "Hello", "reference_text": "Words"}
    uploaded = await post(ZeroShotBody, data=fields, files={"reference_audio": ("a.wav", b"RIFF")})
    assert uploaded.reference_audio == b"RIFF"
    named = await post(ZeroShotBody, data=fields | {"reference_audio": "qwen"})
    assert named.reference_audio == "qwen"


async def test_language_is_brought_into_one_form(post):
    assert (await post(TtsBody, json={"text": "a", "language": "en-US"})).language == "en"


async def test_empty_form_fields_count_as_left_out(post):
    body = await post(TtsBody, data={"text": "a", "language": "", "voice_type": ""})
    assert (body.language, body.voice_type) == (None, "qwen")


@pytest.mark.parametrize(
    ("body_class", "fields", "field", "problem"),
    [
        (TtsBody, {}, "text", "is missing"),
        (TtsBody, {"text": ""}, "text", "is empty"),
        (TtsBody, {"text": " \n\t"}, "text", "is empty"),
        (TtsBody, {"text": None}, "text", "is not a string"),
        (TtsBody, {"text": 5}, "text", "is not a string"),
        (TtsBody, {"text": ["a"]}, "text", "is not a string"),
        (TtsBody, {"text": "a", "speed": "1"}, "speed", "is not a number"),
        (TtsBody, {"text": "a", "speed": True}, "speed", "is not a number"),
        (TtsBody, {"text": "a", "speed": 0.49}, "speed", "is too small"),
        (TtsBody, {"text": "a", "speed": 2.01}, "speed", "is too large"),
        (TtsBody, {"text": "a", "stream": "yes"}, "stream", "is neither true nor false"),
        (TtsBody, {"text": "a", "stream": 1}, "stream", "is neither true nor false"),
        (TtsBody, {"text": "a", "format": "ogg"}, "format", "is not known"),
        (TtsBody, {"text": "a", "format": 3}, "format", "is not known"),
        (TtsBody, {"text": "a", "language": "english"}, "language", "is not written"),
        (TtsBody, {"text": "a", "seed": -1}, "seed", "is too small"),
        (TtsBody, {"text": "a", "seed": 1.5}, "seed", "is not a whole number"),
        (TtsBody, {"text": "a", "voice_type": ""}, "voice_type", "is empty"),
        (TtsBody, {"text": "a", "pitch": 2}, "pitch", "is not known"),
        (InstructBody, {"text": "a"}, "instruction", "is missing"),
        (ZeroShotBody, {"text": "a"}, "reference_audio", "is missing"),
        (ZeroShotBody, {"text": "a", "reference_audio": ""}, "reference_audio", "is empty"),
        (ZeroShotBody, {"text": "a", "reference_audio": 1}, "reference_audio", "is not a string"),
    ],
)
async def test_a_wrong_field_is_named_with_what_is_allowed(
    post, body_class, fields, field, problem
):
    failure = await post(body_class, json=fields)
    assert failure.status == 400
    assert failure.field == field
    assert failure.message.startswith(f"{field}: {problem}")
    assert failure.allowed


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_speed_that_is_no_number(post, value):
    content = f'{{"text": "a", "speed": {value}}}'
    failure = await post(TtsBody, content=content, headers={"content-type": "application/json"})
    assert (failure.status, failure.field) == (400, "speed")
    failure = await post(TtsBody, data={"text": "a", "speed": value})
    assert (failure.status, failure.field) == (400, "speed")


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b'{"text":', 400),
        ("application/json", b"[1]", 400),
        ("application/json", b"", 400),
        ("application/json", b'{"text": "\xff"}', 400),
        ("application/json", b'{"text": "\\ud800"}', 400),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nfoo", 400),
        ("text/plain", b"hello", 415),
        ("", b"hello", 415),
    ],
)
async def test_a_body_that_cannot_be_read(post, content_type, content, status):
    failure = await post(TtsBody, content=content, headers={"content-type": content_type})
    assert failure.status == status


async def test_a_charset_does_not_matter(post):
    content = json.dumps({"text": "你好"}).encode()
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await post(TtsBody, content=content, headers=headers)).text == "你好"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large_is_refused_while_it_arrives(declared):
    app, taken = FastAPI(), 0
    app.add_exception_handler(
        BodyTooLargeError, lambda _, error: Response(status_code=failure_of(error).status)
    )

    @app.post("/")
    async def endpoint(request: Request):
        return len(await request.body())

    async def chunks():
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield bytes(1_000)

    content = bytes(100_000) if declared else chunks()
    transport = httpx.ASGITransport(BodyLimit(app, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/", content=content)
    assert response.status_code == 413
    assert taken <= 52
