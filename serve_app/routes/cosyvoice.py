"""``/v1/model/cosyvoice``: speech by the CosyVoice deployment."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from configs.app import Http
from engines.protocol import Mode, SynthesisRequest
from serve_app.bodies import CrossLingualBody, InstructBody, SpeechBody, TtsBody, ZeroShotBody
from serve_app.desk import SpeechCall, SpeechDesk
from serve_app.errors import InvalidFieldError
from serve_app.references import ReferenceResolver, ResolvedReference
from serve_app.speech_route import add_speech_route

ENGINE = "cosyvoice"
_HELLO = "Hello, how are you today?"


def cosyvoice_routes(desk: SpeechDesk, references: ReferenceResolver, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix=f"/v1/model/{ENGINE}", tags=["CosyVoice"])

    async def tts(body: TtsBody, request_id: str) -> Response:
        reference = references.voice(body.voice_type)
        return await desk.answer(_call(body, Mode.TTS, reference), request_id)

    async def zero_shot(body: ZeroShotBody, request_id: str) -> Response:
        reference = references.reference(body.reference_audio)
        transcript = body.reference_text or reference.transcript
        if not transcript:
            allowed = ZeroShotBody.model_fields["reference_text"].description or ""
            raise InvalidFieldError("reference_text", "is missing", allowed)
        call = _call(body, Mode.ZERO_SHOT, reference, transcript=transcript)
        return await desk.answer(call, request_id)

    async def cross_lingual(body: CrossLingualBody, request_id: str) -> Response:
        reference = references.reference(body.reference_audio)
        return await desk.answer(_call(body, Mode.CROSS_LINGUAL, reference), request_id)

    async def instruct(body: InstructBody, request_id: str) -> Response:
        reference = references.voice(body.voice_type)
        call = _call(body, Mode.INSTRUCT, reference, instruction=body.instruction)
        return await desk.answer(call, request_id)

    say: dict[str, Any] = {"text": _HELLO}
    clip = {"reference_audio": "qwen"}
    words = {"reference_text": "What is said in the clip."}
    manner = {"instruction": "Speak slowly and warmly."}
    limit = http.max_body_bytes
    add_speech_route(router, "/tts", TtsBody, tts, example=say, max_body_bytes=limit)
    add_speech_route(
        router, "/zero_shot", ZeroShotBody, zero_shot,
        example=say | clip | words, max_body_bytes=limit,
    )  # fmt: skip
    add_speech_route(
        router, "/cross_lingual", CrossLingualBody, cross_lingual,
        example=say | clip, max_body_bytes=limit,
    )  # fmt: skip
    add_speech_route(
        router, "/instruct", InstructBody, instruct, example=say | manner, max_body_bytes=limit
    )
    return router


def _call(
    body: SpeechBody,
    mode: Mode,
    reference: ResolvedReference,
    *,
    transcript: str | None = None,
    instruction: str | None = None,
) -> SpeechCall:
    return SpeechCall(
        engine=ENGINE,
        synthesis=SynthesisRequest(
            text=body.text,
            mode=mode,
            transcript=transcript or reference.transcript,
            instruction=instruction,
            language=body.language,
            speed=body.speed,
            seed=body.seed,
            stream=body.stream,
        ),
        clip=reference.clip,
        brought=reference.brought,
        voice=reference.label,
        audio_format=body.format,
        stream=body.stream,
    )
