"""API keys against a running service: who is let in, who is not, and how it is said."""

import json
import threading
import time

import grpc
import httpx
import psutil
import pytest
from loopback import KEYS, accounts_replica, wait_until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from access.key_file import KeyFile
from access.keys import KeyLimits, Scope
from access.ledger import LEASE_S
from serve_app.protos import cosyvoice_pb2 as messages
from serve_app.protos.cosyvoice_pb2_grpc import CosyVoiceStub

TTS = "/v1/model/cosyvoice/tts"
SHORT = {"text": "chunks=1"}
LONG = {"text": "chunks=200 delay=0.05", "stream": True}


NOTICED_S = 1.2
"""Replicas look at the key file before a request, if they did not within the last second."""
KEY_TERMS = {
    "speak": (Scope.SPEAK, {}),
    "voices": (Scope.VOICES, {}),
    "per-minute": (Scope.SPEAK, {"requests_per_minute": 10}),
    "concurrent": (Scope.SPEAK, {"concurrency": 2}),
    "characters": (Scope.SPEAK, {"characters_per_day": 100}),
    "paid-back": (Scope.SPEAK, {"characters_per_day": 100}),
    "remembered": (Scope.SPEAK, {"characters_per_day": 100}),
    "audio": (Scope.SPEAK, {"audio_seconds_per_day": 0.1}),
    "audio-stream": (Scope.SPEAK, {"audio_seconds_per_day": 0.1}),
}


@pytest.fixture(scope="module")
def secrets(admin):
    keys = KeyFile(KEYS)
    made = {
        name: keys.add(name, [scope], KeyLimits(**limits))
        for name, (scope, limits) in KEY_TERMS.items()
    }
    time.sleep(NOTICED_S)
    yield made
    for name in made:
        keys.revoke(name)


@pytest.fixture
def key(secrets):
    return lambda name: bearer(secrets[name])


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer {key}"},
        lambda key: {"xi-api-key": key},
        lambda key: {"X-API-Key": key},
    ],
)
def test_a_key_is_taken_from_each_header(guarded, admin, headers):
    assert guarded.post(TTS, json=SHORT, headers=headers(admin)).status_code == 200


@pytest.mark.parametrize("query", ["api_key", "key", "token", "xi-api-key"])
def test_a_key_is_never_taken_from_the_url(guarded, admin, query):
    response = guarded.post(TTS, json=SHORT, params={query: admin})
    assert response.status_code == 401
    assert admin not in response.text


OPENAI = {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "of"),
    [
        (TTS, lambda body: body["error"]),
        ("/v1/model/mms/tts", lambda body: body["error"]),
        ("/v1/audio/speech", lambda body: body["error"] if set(body["error"]) == OPENAI else {}),
        ("/inference_sft", lambda body: body if "detail" in body else {}),
        ("/v1/synthesize", lambda body: body if body["type"] == "error" else {}),
        ("/voice/synthesize", lambda body: body if body["success"] is False else {}),
    ],
)
def test_each_family_says_401_in_its_own_shape(guarded, path, of):
    for headers, code in (({}, "missing_api_key"), (bearer("tts_wrong"), "invalid_api_key")):
        response = guarded.post(path, json=SHORT, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert of(response.json())["code"] == code


def test_scopes(guarded, admin, key):
    speaker, keeper = key("speak"), key("voices")
    assert guarded.post(TTS, json=SHORT, headers=speaker).status_code == 200
    for headers, method, path in (
        (keeper, "POST", TTS),
        (keeper, "POST", "/v1/audio/speech"),
        (speaker, "POST", "/v1/audio/voices"),
        (speaker, "DELETE", "/v1/audio/voices/siti"),
        (speaker, "POST", "/voice/upload"),
        (speaker, "DELETE", "/voices/siti"),
        (speaker, "GET", "/api/metrics"),
    ):
        response = guarded.request(method, path, headers=headers)
        assert response.status_code == 403, path
        assert "insufficient_scope" in response.text
    assert guarded.request("GET", "/api/metrics", headers=bearer(admin)).status_code in (200, 404)


def test_what_needs_no_key(guarded):
    assert guarded.get("/api/health").status_code == 200
    assert guarded.get("/v1/model/cosyvoice/healthcheck").status_code == 200
    for path in ("/openapi.json", "/docs", "/v1/audio/voices", "/no/such/path", "/api/healthy"):
        assert guarded.get(path).status_code == 401, path


def test_a_preflight_passes_without_a_key_and_nothing_else_does(guarded):
    origin = {"Origin": "https://page.example"}
    asks = origin | {"Access-Control-Request-Method": "POST"}
    allowed = guarded.options(TTS, headers=asks)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://page.example"
    refused = guarded.post(TTS, json=SHORT, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://page.example"
    other = guarded.options(TTS, headers=asks | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_changes_reach_running_replicas_within_two_seconds(guarded):
    secret = KeyFile(KEYS).add("changing", [Scope.SPEAK])
    time.sleep(NOTICED_S)
    for _ in range(6):
        assert guarded.post(TTS, json=SHORT, headers=bearer(secret)).status_code == 200
    KeyFile(KEYS).revoke("changing")
    time.sleep(NOTICED_S)
    for _ in range(6):
        assert guarded.post(TTS, json=SHORT, headers=bearer(secret)).status_code == 401


def test_requests_per_minute_are_counted_over_all_replicas(guarded, key):
    headers = key("per-minute")
    refused = wait_until(
        lambda: (r := guarded.post(TTS, json=SHORT, headers=headers)).status_code == 429 and r
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    other = guarded.post("/v1/audio/speech", json={"input": "a"}, headers=headers)
    assert other.status_code == 429
    assert other.json()["error"]["type"] == "rate_limit_error"


def test_concurrency_is_counted_over_all_replicas_and_freed(guarded, key):
    headers = key("concurrent")

    def begin():
        stream = guarded.stream("POST", TTS, json=LONG, headers=headers)
        return stream, stream.__enter__()

    streams = [begin() for _ in range(2)]
    try:
        assert [response.status_code for _, response in streams] == [200, 200]
        for _ in range(4):
            refused = guarded.post(TTS, json=SHORT, headers=headers)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
    finally:
        for stream, _ in streams:
            stream.__exit__(None, None, None)
    before_they_expire_s = LEASE_S / 2
    wait_until(
        lambda: guarded.post(TTS, json=SHORT, headers=headers).status_code == 200,
        before_they_expire_s,
    )


def test_characters_per_day(guarded, key):
    headers = key("characters")
    text = {"text": "a" * 60}
    assert guarded.post(TTS, json=text | {"voice_type": "nobody"}, headers=headers).is_client_error
    assert guarded.post(TTS, json=text, headers=headers).status_code == 200
    refused = guarded.post(TTS, json=text | {"stream": True}, headers=headers)
    assert refused.status_code == 429
    assert "100 characters per day" in refused.text
    assert int(refused.headers["retry-after"]) <= 86_400
    assert guarded.post(TTS, json={"text": "a" * 40}, headers=headers).status_code == 200


def test_what_the_engine_refused_is_paid_back(guarded, key, make_clip):
    headers = key("paid-back")
    fields = {"text": "a" * 80, "reference_text": "Words."}
    for _ in range(2):
        clip = {"reference_audio": ("a.wav", make_clip("wav", seconds=0.1))}
        answer = guarded.post(
            "/v1/model/cosyvoice/zero_shot", data=fields, files=clip, headers=headers
        )
        assert answer.status_code == 422
    text = {"text": "a" * 100}
    wait_until(lambda: guarded.post(TTS, json=text, headers=headers).status_code == 200)


@pytest.mark.parametrize("stream", [False, True])
def test_audio_seconds_per_day(guarded, key, stream):
    headers = key("audio-stream" if stream else "audio")
    body = SHORT | {"stream": stream}
    assert guarded.post(TTS, json=body, headers=headers).status_code == 200
    refused = wait_until(
        lambda: (r := guarded.post(TTS, json=body, headers=headers)).status_code == 429 and r
    )
    assert "0.1 s of audio per day" in refused.text


def test_without_accounts_limited_keys_wait_and_others_do_not(guarded, admin, key):
    """And what was used before is remembered."""
    limited = key("remembered")
    assert guarded.post(TTS, json={"text": "a" * 90}, headers=limited).status_code == 200
    usage = KEYS.with_name("usage.json")
    wait_until(lambda: usage.exists() and 90 in values_of(json.loads(usage.read_text())))
    killed = accounts_replica()
    killed.suspend()
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(guarded.post(TTS, json=SHORT, headers=limited))
    )
    asking.start()
    assert guarded.post(TTS, json=SHORT, headers=bearer(admin)).status_code == 200
    asking.join(60)
    assert answers[0].status_code == 503
    assert int(answers[0].headers["retry-after"]) >= 1
    killed.kill()
    wait_until(lambda: guarded.post(TTS, json=SHORT, headers=limited).status_code == 200, 60)
    assert accounts_replica().pid != killed.pid
    assert guarded.post(TTS, json={"text": "a" * 90}, headers=limited).status_code == 429


def values_of(usage):
    return [use["characters"] for use in usage.values()]


def test_what_ray_would_obey_is_taken_away_at_the_door(guarded, admin, events):
    """With these headers Ray gives up after a millisecond, or works on for a client that left."""
    stay = bearer(admin) | {"x-request-disconnect-disabled": "?1"}
    with pytest.raises(httpx.ReadTimeout):
        guarded.post(TTS, json=LONG | {"stream": False}, headers=stay, timeout=1.0)
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()
    hurry = bearer(admin) | {"x-request-timeout-seconds": "0.001"}
    assert guarded.post(TTS, json=SHORT, headers=hurry).status_code == 200


def socket_address(cluster):
    return cluster.url.replace("http", "ws") + "/v1/stream/tts"


@pytest.mark.parametrize("headers", [{}, {"xi-api-key": "tts_wrong"}])
def test_a_websocket_needs_a_key(guarded, cluster, headers):
    with pytest.raises(InvalidStatus) as caught:
        connect(socket_address(cluster), additional_headers=headers, open_timeout=60)
    assert caught.value.response.status_code == 401
    assert json.loads(caught.value.response.body)["type"] == "error"


def test_a_websocket_needs_the_scope_speak(guarded, cluster, key):
    with pytest.raises(InvalidStatus) as caught:
        connect(socket_address(cluster), additional_headers=key("voices"), open_timeout=60)
    assert caught.value.response.status_code == 403


def test_websockets_of_one_key_are_counted_over_all_replicas(guarded, cluster, key):
    def open_():
        return connect(socket_address(cluster), additional_headers=key("speak"), open_timeout=60)

    def refused():
        with pytest.raises(InvalidStatus) as caught:
            open_().close()
        return caught.value.response

    with open_() as one, open_():
        for _ in range(4):
            assert refused().status_code == 429
        one.send('{"type": "ping"}')
        assert json.loads(one.recv(timeout=60))["type"] == "pong"
    wait_until(lambda: opens(open_), LEASE_S / 2)


def opens(open_):
    try:
        open_().close()
    except InvalidStatus:
        return False
    return True


def test_grpc_takes_the_same_keys(guarded, cluster, key):
    def infer(headers):
        metadata = [(name.lower(), value) for name, value in headers.items()]
        with grpc.insecure_channel(cluster.grpc_address) as channel:
            request = messages.Request()
            request.sft_request.tts_text = "chunks=1"
            return list(CosyVoiceStub(channel).Inference(request, timeout=60, metadata=metadata))

    assert infer(key("speak"))
    for headers, code in (
        ({}, grpc.StatusCode.UNAUTHENTICATED),
        (bearer("tts_wrong"), grpc.StatusCode.UNAUTHENTICATED),
        (key("voices"), grpc.StatusCode.PERMISSION_DENIED),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            infer(headers)
        assert caught.value.code() is code


def test_grpc_listens_on_loopback_alone(guarded, cluster):
    """Ray would have it listen on all addresses."""
    port = int(cluster.grpc_address.rpartition(":")[2])
    listening = {
        place.laddr.ip.removeprefix("::ffff:")
        for place in psutil.net_connections("tcp")
        if place.status == psutil.CONN_LISTEN and place.laddr.port == port
    }
    assert listening == {"127.0.0.1"}
