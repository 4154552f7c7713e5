"""gRPC: upstream's ``cosyvoice.CosyVoice/Inference`` as orders, and refusals as status codes."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import grpc
from pydantic import ValidationError
from ray.serve.grpc_util import RayServegRPCContext

from access.keys import Scope
from audio.formats import AudioFormat
from audio.wav import wav_file
from configs.invalid_field import InvalidFieldError
from engines.protocol import Mode
from serve_app.bodies import (
    CrossLingualBody,
    InstructBody,
    InstructedCloneBody,
    SpeechBody,
    TtsBody,
    ZeroShotBody,
)
from serve_app.body_reader import first_problem
from serve_app.caller import Caller
from serve_app.desk import SpeechDesk
from serve_app.errors import CLIENT_ERRORS, Failure, failure_of
from serve_app.orders import COSYVOICE, SpeechOrder
from serve_app.protos.cosyvoice_pb2 import Request, Response
from serve_app.request_headers import TRACEPARENT
from serve_app.security import Security

PROMPT_RATE_HZ = 16_000
"""Rate of the bare samples that upstream's clients send as ``prompt_audio``."""
_CONTAINERS = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\x1aE\xdf\xa3")
_MP4_BRAND = b"ftyp"

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
_UNIMPLEMENTED = frozenset({"unsupported_mode", "unsupported_language"})


class _Kind(NamedTuple):
    """What one member of ``Request.RequestPayload`` means.

    Attributes:
        body_class: what its fields are checked by.
        mode: of the order.
        fields: from upstream's names to those of the body.
    """

    body_class: type[SpeechBody]
    mode: Mode
    fields: dict[str, str]


_KINDS = {
    "sft_request": _Kind(TtsBody, Mode.TTS, {"spk_id": "voice_type"}),
    "zero_shot_request": _Kind(
        ZeroShotBody,
        Mode.ZERO_SHOT,
        {"prompt_text": "reference_text", "prompt_audio": "reference_audio"},
    ),
    "cross_lingual_request": _Kind(
        CrossLingualBody, Mode.CROSS_LINGUAL, {"prompt_audio": "reference_audio"}
    ),
    "instruct_request": _Kind(
        InstructBody, Mode.INSTRUCT, {"spk_id": "voice_type", "instruct_text": "instruction"}
    ),
    "instruct2_request": _Kind(
        InstructedCloneBody,
        Mode.INSTRUCT,
        {"prompt_audio": "reference_audio", "instruct_text": "instruction"},
    ),
}
_OPTIONS = ("stream", "speed", "format", "language", "seed")


class RefusedCallError(RuntimeError):
    """Ends a call with the status that its context was given."""


async def infer(
    desk: SpeechDesk, request: Request, context: RayServegRPCContext, security: Security
) -> AsyncGenerator[Response, None]:
    """Speak ``request``; each response is a piece of audio.

    The API key and a ``traceparent`` come as metadata, under the names of the headers.

    Raises:
        RefusedCallError: the context says why.
    """
    request_id = context.request_id() or "-"
    async with AsyncExitStack() as stack:
        try:
            headers = _headers(context)
            admitted = security.admitted(headers, Scope.SPEAK)
            order = order_of(request, await stack.enter_async_context(admitted))
            order = replace(order, traceparent=headers.get(TRACEPARENT))
            if not order.stream:
                _, whole = await desk.whole(order, request_id)
                yield Response(tts_audio=whole.started.data)
                return
            speech = await stack.enter_async_context(await desk.begin(order, request_id))
        except CLIENT_ERRORS as error:
            raise _refused(context, failure_of(error)) from error
        async for data in speech.chunks():
            yield Response(tts_audio=data)


def _headers(context: RayServegRPCContext) -> dict[str, str]:
    pairs = context.invocation_metadata()
    return {name: value for name, value in pairs if isinstance(value, str)}


def order_of(request: Request, caller: Caller) -> SpeechOrder:
    """Translate ``request``.

    Raises:
        InvalidFieldError: a field is missing or wrong; named as in the HTTP interface.
    """
    chosen = request.WhichOneof("RequestPayload")
    if chosen is None:
        raise InvalidFieldError("RequestPayload", "is missing", f"one of {', '.join(_KINDS)}")
    kind = _KINDS[chosen]
    body = _read(getattr(request, chosen), request, kind)
    more = {name: getattr(body, field) for field, name in _ORDER_FIELDS if hasattr(body, field)}
    return body.order(COSYVOICE, kind.mode, caller, **more)


_ORDER_FIELDS = (
    ("voice_type", "voice"),
    ("reference_audio", "reference"),
    ("reference_text", "transcript"),
    ("instruction", "instruction"),
)


def _read(payload: Any, request: Request, kind: _Kind) -> SpeechBody:
    names = {"tts_text": "text"} | kind.fields
    fields = {ours: getattr(payload, theirs) for theirs, ours in names.items()}
    if "reference_audio" in fields:
        fields["reference_audio"] = _with_header(fields["reference_audio"])
    options = {name: getattr(request, name) for name in _OPTIONS if request.HasField(name)}
    defaults = {"stream": True, "format": AudioFormat.PCM}
    filled = {name: value for name, value in fields.items() if value or name == "text"}
    try:
        return kind.body_class.model_validate(defaults | options | filled)
    except ValidationError as error:
        raise first_problem(error, kind.body_class) from error


def _with_header(audio: bytes) -> bytes:
    """Make a file of bare samples; what is a file already stays as it is."""
    if not audio or audio.startswith(_CONTAINERS) or audio[4:8] == _MP4_BRAND:
        return audio
    return wav_file(audio, PROMPT_RATE_HZ)


def _refused(context: RayServegRPCContext, failure: Failure) -> RefusedCallError:
    code = _CODES.get(failure.status, grpc.StatusCode.INTERNAL)
    if failure.code in _UNIMPLEMENTED:
        code = grpc.StatusCode.UNIMPLEMENTED
    context.set_code(code)
    context.set_details(failure.message)
    return RefusedCallError(failure.message)
