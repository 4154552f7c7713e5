"""The gRPC interface, through Serve's own proxy."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
import soxr
from grpc_tools import protoc
from loopback import wait_until

from serve_app.protos import cosyvoice_pb2 as messages
from serve_app.protos.cosyvoice_pb2_grpc import CosyVoiceStub

HERE = Path(__file__).parent
EMBEDDED = [("application", "embedded")]
TONE = [("application", "tone")]
SENTENCE = "The children are playing in the garden."


@pytest.fixture
def stub(cluster):
    cluster.use("speech.yaml")
    with grpc.insecure_channel(cluster.grpc_address) as channel:
        yield CosyVoiceStub(channel)


@pytest.fixture(scope="module")
def upstream_client(cluster, tmp_path_factory):
    """Run a client that knows only upstream's messages; gives samples and the sizes of pieces."""
    stubs = tmp_path_factory.mktemp("stubs")
    arguments = ["", f"-I{HERE}", f"--python_out={stubs}", f"--grpc_python_out={stubs}"]
    assert protoc.main([*arguments, str(HERE / "upstream.proto")]) == 0
    cluster.use("speech.yaml")

    def run(kind, **fields):
        command = [
            sys.executable, HERE / "upstream_grpc_client.py", stubs, cluster.grpc_address,
            "embedded", kind, json.dumps(fields),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        samples = np.frombuffer(done.stdout, "<i2").astype(np.float32) / 32_768
        return samples, json.loads(done.stderr.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def prompt_audio(make_clip, decode):
    """Bare s16le samples at 16 kHz, as upstream's client sends them, in base64."""
    buzz = ("-af", "aeval=tanh(8*val(0)),lowpass=4000,volume=0.4")
    samples = soxr.resample(
        decode(make_clip("wav", frequency_hz=150, options=buzz)), 24_000, 16_000
    )
    return base64.b64encode((samples * 32_767).astype("<i2").tobytes()).decode()


@pytest.mark.parametrize("kind", ["sft_request", "zero_shot_request", "cross_lingual_request"])
def test_upstreams_client_gets_speech(
    upstream_client, prompt_audio, assert_is_speech, recognise, kind
):
    more = {
        "sft_request": {"spk_id": "anna"},
        "zero_shot_request": {"prompt_text": "A buzz.", "prompt_audio": prompt_audio},
        "cross_lingual_request": {"prompt_audio": prompt_audio},
    }[kind]
    samples, sizes = upstream_client(kind, tts_text=SENTENCE, **more)
    assert_is_speech(samples, min_s=1.0, max_s=4.0)
    assert {"children", "garden"} & set(recognise(samples))
    assert all(sizes)


def ask(**fields):
    payload = messages.sftRequest(tts_text=fields.pop("text", "chunks=3"), spk_id="qwen")
    return messages.Request(sft_request=payload, **fields)


def test_our_additions(stub):
    whole = list(stub.Inference(ask(stream=False, format="wav", speed=2.0), metadata=TONE))
    assert len(whole) == 1
    assert whole[0].tts_audio.startswith(b"RIFF")
    assert len(whole[0].tts_audio) == 44 + 3 * 2_400 * 2
    instructed = messages.Request(
        instruct2_request=messages.instruct2Request(
            tts_text="chunks=1", instruct_text="Softly.", prompt_audio=b"\1\0" * 16_000
        )
    )
    data = b"".join(response.tts_audio for response in stub.Inference(instructed, metadata=TONE))
    assert len(data) == 4_800 * 2


@pytest.mark.parametrize(
    ("request_", "metadata", "code", "words"),
    [
        (messages.Request(), TONE, "INVALID_ARGUMENT", "sft_request"),
        (ask(text=""), TONE, "INVALID_ARGUMENT", "text"),
        (ask(text="x" * 600), TONE, "INVALID_ARGUMENT", "at most 500"),
        (ask(speed=9.0), TONE, "INVALID_ARGUMENT", "speed"),
        (ask(format="midi"), TONE, "INVALID_ARGUMENT", "mp3"),
        (
            messages.Request(sft_request=messages.sftRequest(tts_text="x", spk_id="nobody")),
            TONE, "NOT_FOUND", "anna",
        ),
        (
            messages.Request(instruct_request=messages.instructRequest(
                tts_text="Hello", spk_id="qwen", instruct_text="Softly.")),
            EMBEDDED, "UNIMPLEMENTED", "piper",
        ),
        (ask(), [("application", "nothing")], "NOT_FOUND", "nothing"),
    ],
)  # fmt: skip
def test_refusals_have_codes_and_words(stub, request_, metadata, code, words):
    with pytest.raises(grpc.RpcError) as refused:
        list(stub.Inference(request_, metadata=metadata))
    assert refused.value.code().name == code
    assert words in refused.value.details()


def test_an_engine_that_breaks_is_an_internal_error(stub):
    with pytest.raises(grpc.RpcError) as broken:
        list(stub.Inference(ask(text="chunks=9 fail=4 delay=0.05"), metadata=TONE))
    assert broken.value.code() is grpc.StatusCode.INTERNAL


def test_cancelling_stops_the_engine(stub, events):
    call = stub.Inference(ask(text="chunks=200 delay=0.1"), metadata=TONE)
    assert next(call).tts_audio
    call.cancel()
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()


def test_a_deadline_stops_the_engine(stub, events):
    with pytest.raises(grpc.RpcError) as late:
        list(stub.Inference(ask(text="chunks=200 delay=0.1"), metadata=TONE, timeout=3))
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()
