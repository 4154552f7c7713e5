"""A client generated from upstream's messages: speaks one request, writes what comes to stdout.

    python upstream_grpc_client.py STUBS ADDRESS APPLICATION KIND FIELDS_AS_JSON

A process of its own, since protobuf lets nobody load our messages and upstream's side by side.
"""

import base64
import json
import sys

import grpc

stubs, address, application, kind, fields = sys.argv[1:]
sys.path.insert(0, stubs)
import upstream_pb2  # noqa: E402
import upstream_pb2_grpc  # noqa: E402

values = json.loads(fields)
if "prompt_audio" in values:
    values["prompt_audio"] = base64.b64decode(values["prompt_audio"])
request = upstream_pb2.Request()
payload = getattr(request, kind)
for name, value in values.items():
    setattr(payload, name, value)
with grpc.insecure_channel(address) as channel:
    stub = upstream_pb2_grpc.CosyVoiceStub(channel)
    responses = stub.Inference(request, metadata=[("application", application)], timeout=120)
    sizes = []
    for response in responses:
        sizes.append(len(response.tts_audio))
        sys.stdout.buffer.write(response.tts_audio)
sys.stderr.write(json.dumps(sizes) + "\n")
