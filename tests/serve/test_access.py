"""API keys against a running service: who is let in, who is not, and how it is said."""

import time

import grpc
import httpx
import psutil
import pytest
from loopback import KEYS, NOTICED_S, bearer, wait_until

from access.key_file import KeyFile
from access.keys import Scope
from serve_app.protos import cosyvoice_pb2 as messages
from serve_app.protos.cosyvoice_pb2_grpc import CosyVoiceStub

TTS = "/v1/model/cosyvoice/tts"
SHORT = {"text": "chunks=1"}
LONG = {"text": "chunks=200 delay=0.05", "stream": True}
OPENAI = {"message", "type", "param", "code"}
KEY_TERMS = {"speak": (Scope.SPEAK, {}), "voices": (Scope.VOICES, {})}


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


def test_what_ray_would_obey_is_taken_away_at_the_door(guarded, admin, events):
    """With these headers Ray gives up after a millisecond, or works on for a client that left."""
    stay = bearer(admin) | {"x-request-disconnect-disabled": "?1"}
    with pytest.raises(httpx.ReadTimeout):
        guarded.post(TTS, json=LONG | {"stream": False}, headers=stay, timeout=1.0)
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()
    hurry = bearer(admin) | {"x-request-timeout-seconds": "0.001"}
    assert guarded.post(TTS, json=SHORT, headers=hurry).status_code == 200


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
