"""Traces of real requests, as a collector gets them over the wire."""

import contextlib
import json
import secrets

import grpc
import httpx
import pytest
from collector import Collector
from loopback import wait_until
from websockets.sync.client import connect

from serve_app.protos import cosyvoice_pb2 as messages
from serve_app.protos.cosyvoice_pb2_grpc import CosyVoiceStub

TTS = "/v1/model/cosyvoice/tts"
ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"
TEXT = "chunks=3 nobody shall read this"
LONG = "chunks=600 delay=0.05"
PARENT_ID = "00f067aa0ba902b7"
SERVER = 2
WORK = ["encode", "process", "speech", "synthesize"]


@pytest.fixture(scope="module")
def collector(cluster):
    cluster.use("speech.yaml")
    with Collector(cluster.collector_port) as collector:
        yield collector


class Trace:
    """The spans of one trace, by their names."""

    def __init__(self, spans):
        self.spans = spans

    def all(self, name):
        return [span for span in self.spans if span.name == name]

    def one(self, name):
        (span,) = self.all(name)
        return span

    def names(self):
        return sorted(span.name for span in self.spans)

    def outcomes(self):
        return {span.name: span.attributes["tts.outcome"] for span in self.spans}

    def parent(self, span):
        (parent,) = (each for each in self.spans if each.id == span.parent)
        return parent.name


class Asked:
    """Requests of traces of their own; each test reads one of them."""

    def __init__(self):
        self.trace_ids = {}

    def headers(self, name):
        trace_id = self.trace_ids[name] = secrets.token_hex(16)
        return {"traceparent": f"00-{trace_id}-{PARENT_ID}-01", "x-request-id": f"trace-{name}"}


@pytest.fixture(scope="module")
def asked(collector, cluster, make_clip):
    """All requests are made before the first is looked for: spans come every five seconds."""
    asked = Asked()
    clip = make_clip("wav", frequency_hz=277)
    with httpx.Client(base_url=f"{cluster.url}/tone", timeout=120) as client:

        def post(name, path=TTS, status=200, **request):
            answer = client.post(path, headers=asked.headers(name), **request)
            assert answer.status_code == status, answer.text

        assert client.post(TTS, json={"text": "chunks=1"}).status_code == 200  # qwen is known now
        cloned = {"text": TEXT, "reference_text": "Words.", "format": "mp3"}
        files = {"reference_audio": ("clip.wav", clip)}
        post("whole", ZERO_SHOT, data=cloned, files=files)
        post("again", ZERO_SHOT, data=cloned, files=files)
        post("stream", json={"text": TEXT, "stream": True})
        post("refused", json={"text": "x", "voice_type": "nobody"}, status=404)
        broken = {"reference_audio": ("clip.wav", b"RIFF" + bytes(400))}
        post("undecodable", ZERO_SHOT, data=cloned, files=broken, status=422)
        post("failed", json={"text": "chunks=2 fail=0"}, status=500)
        with contextlib.suppress(httpx.RemoteProtocolError):
            post("broken", json={"text": "chunks=9 fail=4 delay=0.05", "stream": True})
        fields = {"text": LONG, "stream": True}
        headers = asked.headers("left")
        with client.stream("POST", TTS, json=fields, headers=headers) as response:
            chunks = response.iter_raw()  # kept: httpx closes a response with its iterator
            assert next(chunks)
        headers = {"traceparent": "00-nonsense", "x-request-id": "trace-malformed"}
        assert client.post(TTS, json={"text": TEXT}, headers=headers).status_code == 200
    speak_on_a_socket(cluster, asked)
    speak_over_grpc(cluster, asked)
    return asked


def speak_on_a_socket(cluster, asked):
    address = f"{cluster.url.replace('http', 'ws')}/tone/v1/stream/tts"
    with connect(address, additional_headers=asked.headers("socket"), open_timeout=60) as socket:
        socket.send(json.dumps({"type": "synthesize", "text": TEXT, "voice_id": "qwen"}))
        while not (isinstance(message := socket.recv(timeout=60), str) and '"end"' in message):
            assert '"error"' not in str(message), message


def speak_over_grpc(cluster, asked):
    metadata = [("application", "tone"), *asked.headers("grpc").items()]
    request = messages.Request(sft_request=messages.sftRequest(tts_text=TEXT, spk_id="qwen"))
    with grpc.insecure_channel(cluster.grpc_address) as channel:
        assert list(CosyVoiceStub(channel).Inference(request, metadata=metadata))


@pytest.fixture(scope="module")
def traced(collector, asked):
    """The trace of a request, once it holds spans of these names."""

    def find(name, *names):
        def spans():
            trace_id = asked.trace_ids[name]
            return Trace([span for span in collector.spans() if span.trace_id == trace_id])

        wait_until(lambda: len(spans().spans) >= len(names))
        assert spans().names() == sorted(names)
        return spans()

    return find


def assert_is_a_tree(trace):
    """Our own parent at the top; the door's, the processor's and the engine's spans below."""
    speech = trace.one("speech")
    assert (speech.parent, speech.kind) == (PARENT_ID, SERVER)
    above = {"process": "speech", "decode_reference": "process", "encode": "process",
             "synthesize": "process"}  # fmt: skip
    for span in trace.spans:
        if span is not speech:
            assert trace.parent(span) == above[span.name]
            assert span.start_ns >= speech.start_ns
    deployments = {span.name: span.resource["tts.deployment"] for span in trace.spans}
    known = {"speech": "Ingress", "process": "AudioProcessor", "synthesize": "CosyVoice"}
    assert {
        name: deployments[name] for name in known if name in deployments
    }.items() <= known.items()


def test_a_whole_request_with_a_voice_of_its_own(traced):
    trace = traced("whole", *WORK, "decode_reference", "synthesize")
    assert_is_a_tree(trace)
    speech = trace.one("speech")
    assert speech.attributes["tts.audio_s"] == pytest.approx(0.6)
    assert speech.attributes.items() >= {
        "tts.request_id": "trace-whole", "tts.characters": len(TEXT), "tts.asked": "cosyvoice",
        "tts.engine": "tone", "tts.mode": "zero_shot", "tts.voice_cache": "miss",
        "tts.stream": False, "tts.outcome": "ok",
    }.items()  # fmt: skip
    asked, spoken = sorted(trace.all("synthesize"), key=lambda span: span.start_ns)
    assert asked.attributes["tts.outcome"] == "reference_wanted"
    assert spoken.attributes["tts.outcome"] == "ok"
    assert spoken.attributes["tts.audio_s"] == pytest.approx(0.6)
    assert "first_audio" in spoken.events
    assert {span.attributes["tts.request_id"] for span in (asked, spoken)} == {"trace-whole"}


def test_a_voice_that_is_known_is_not_decoded(traced):
    trace = traced("again", *WORK)
    assert trace.one("synthesize").attributes["tts.voice_cache"] == "hit"


def test_a_stream(traced):
    trace = traced("stream", *WORK)
    assert_is_a_tree(trace)
    assert set(trace.outcomes().values()) == {"ok"}
    assert trace.one("speech").attributes["tts.stream"] is True
    assert "first_audio" in trace.one("speech").events


def test_a_stream_whose_client_leaves(traced):
    trace = traced("left", *WORK)
    assert_is_a_tree(trace)
    assert set(trace.outcomes().values()) == {"cancelled"}
    assert not any(span.is_error for span in trace.spans)


def test_a_refusal_at_the_door(traced):
    trace = traced("refused", "speech")
    assert_is_a_tree(trace)
    speech = trace.one("speech")
    assert speech.attributes["tts.outcome"] == "refused"
    assert speech.attributes["error.type"] == "unknown_voice"
    assert not speech.is_error


def test_a_refusal_further_in(traced):
    trace = traced("undecodable", "speech", "process", "decode_reference")
    assert_is_a_tree(trace)
    assert set(trace.outcomes().values()) == {"refused"}
    assert trace.one("process").attributes["error.type"] == "UndecodableReferenceError"


@pytest.mark.parametrize(
    ("name", "spans"), [("failed", ["process", "speech", "synthesize"]), ("broken", WORK)]
)
def test_an_engine_that_fails(traced, name, spans):
    trace = traced(name, *spans)
    assert_is_a_tree(trace)
    assert set(trace.outcomes().values()) == {"failed"}
    assert all(span.is_error for span in trace.spans)
    assert trace.one("speech").attributes["error.type"] == "internal"
    assert trace.one("synthesize").attributes["error.type"] == "EngineFailureError"


@pytest.mark.parametrize("name", ["socket", "grpc"])
def test_other_doors_continue_the_trace(traced, name):
    trace = traced(name, *WORK)
    assert_is_a_tree(trace)
    assert set(trace.outcomes().values()) == {"ok"}


def test_a_malformed_parent_begins_a_trace(collector, asked):
    def whole():
        spans = collector.spans()
        ours = [
            each for each in spans if each.attributes.get("tts.request_id") == "trace-malformed"
        ]
        traces = {each.trace_id for each in ours}
        return Trace(ours) if len(ours) == 3 and len(traces) == 1 else None

    assert wait_until(whole).one("speech").parent == ""


def test_texts_and_clips_stay_here(traced, collector):
    traced("whole", *WORK, "decode_reference", "synthesize")
    sent = b"".join(collector.bodies)
    assert b"nobody shall read" not in sent
    assert b"RIFF" not in sent
