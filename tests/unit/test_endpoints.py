import pytest

from access.keys import Scope
from serve_app.endpoints import scope_for
from serve_app.proxy_headers import clean


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", None),
        ("GET", "/health", None),
        ("GET", "/api/health", None),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/static/test_stream.html", None),
        ("POST", "/v1/model/cosyvoice/healthcheck", None),
        ("POST", "/static/x", Scope.SPEAK),
        ("POST", "/v1/audio/speech", Scope.SPEAK),
        ("GET", "/v1/stream/tts", Scope.SPEAK),
        ("GET", "/inference_sft", Scope.SPEAK),
        ("GET", "/v1/models", Scope.SPEAK),
        ("GET", "/v1/audio/voices", Scope.SPEAK),
        ("GET", "/voices", Scope.SPEAK),
        ("POST", "/voice/synthesize", Scope.SPEAK),
        ("POST", "/v1/audio/voices", Scope.VOICES),
        ("POST", "/v1/audio/voices/check", Scope.VOICES),
        ("PATCH", "/v1/audio/voices/voice_1", Scope.VOICES),
        ("DELETE", "/v1/audio/voices/voice_1", Scope.VOICES),
        ("POST", "/voice/upload", Scope.VOICES),
        ("DELETE", "/voices/voice_1", Scope.VOICES),
        ("GET", "/api/metrics", Scope.ADMIN),
        ("POST", "/api/metrics", Scope.ADMIN),
        ("GET", "/docs", Scope.SPEAK),
        ("GET", "/openapi.json", Scope.SPEAK),
        ("GET", "//", Scope.SPEAK),
        ("GET", "/health/", Scope.SPEAK),
        ("GET", "/api/health/../metrics", Scope.SPEAK),
        ("GET", "/anything/new", Scope.SPEAK),
    ],
)
def test_what_an_endpoint_needs(method, path, scope):
    assert scope_for(method, path, public_voice_list=False) == scope


def test_voice_lists_can_be_opened():
    for path in ("/v1/audio/voices", "/v1/audio/models"):
        assert scope_for("GET", path, public_voice_list=True) is None
        assert scope_for("POST", path, public_voice_list=True) is not None
    assert scope_for("GET", "/v1/audio/voices/siti", public_voice_list=True) is Scope.SPEAK


KEPT = [(b"host", b"a"), (b"authorization", b"Bearer x"), (b"traceparent", b"00-1-1-00")]


@pytest.mark.parametrize(
    "name",
    [
        b"x-request-timeout-seconds",
        b"x-request-disconnect-disabled",
        b"x_request_disconnect_disabled",
        b"serve_multiplexed_model_id",
        b"serve-multiplexed-model-id",
        b"x-session-id",
        b"x_session_id",
        b"x-serve-router-replica",
    ],
)
def test_what_ray_obeys_is_taken_away(name):
    assert clean([*KEPT, (name, b"1"), (name, b"2")]) == KEPT


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"0b8e6c1e-6f0f-4b57-9f9c-2b6b0f1f9d51", True),
        (b"a" * 128, True),
        (b"a" * 129, False),
        (b"a b", False),
        (b"\x1b[31mred", False),
        (b'{"level":"error"}', False),
        ("schön".encode(), False),
        (b"", False),
    ],
)
def test_request_ids_that_no_log_line_could_bear_are_dropped(value, kept):
    assert bool(clean([(b"x-request-id", value)])) is kept


def test_the_names_are_those_of_this_ray():
    """A new Ray may call them otherwise."""
    from ray.serve._private import constants, http_util

    assert constants.SERVE_HTTP_REQUEST_TIMEOUT_S_HEADER == "x-request-timeout-seconds"
    assert http_util.parse_disconnect_disabled_header({b"x-request-disconnect-disabled": b"?1"})
    assert constants.SERVE_MULTIPLEXED_MODEL_ID == "serve_multiplexed_model_id"
    assert constants.SERVE_SESSION_ID == "x-session-id"
    assert constants.SERVE_INGRESS_ROUTER_HEADER_PREFIX == "x-serve-router-"
    assert constants.SERVE_HTTP_REQUEST_ID_HEADER == "x-request-id"
