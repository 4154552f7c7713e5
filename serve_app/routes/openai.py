"""``/v1/audio`` and ``/v1/models``: what OpenAI's clients call."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from configs.app import Http
from serve_app.caller import Caller
from serve_app.client_bodies import OpenAiSpeechBody, StreamFormat
from serve_app.desk import SpeechDesk
from serve_app.dialects import OPENAI
from serve_app.models import MODELS, model_of
from serve_app.openapi import json_response, refusals
from serve_app.orders import SpeechOrder
from serve_app.speech_events import answer_events
from serve_app.speech_route import SpeechRoutes, answer_audio

_EXAMPLE = {"model": "tts-1", "voice": "alloy", "input": "Hello, how are you today?"}
_LIST: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_OBJECT: dict[str, Any] = {"type": "string"}


def openai_routes(desk: SpeechDesk, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])
    speech = SpeechRoutes(router, desk, http.max_body_bytes, OPENAI)
    speech.add("/audio/speech", OpenAiSpeechBody, _order, example=_EXAMPLE, answer=_answer)
    denied = refusals(OPENAI, 401, 403, 429)
    listed = json_response("All models", object=_OBJECT, data=_LIST) | denied

    @router.get("/models", summary="What may be asked for as model", responses=listed)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [model.described() for model in MODELS]}

    described = json_response("The model", id=_OBJECT, object=_OBJECT) | denied
    unknown = refusals(OPENAI, 404)

    @router.get("/models/{model}", summary="One of them", responses=described | unknown)
    async def model(model: str) -> dict[str, Any]:
        return model_of(model).described()

    for_open_webui = json_response("All models", models=_LIST) | denied

    @router.get("/audio/models", summary="The models for Open WebUI", responses=for_open_webui)
    async def audio_models() -> dict[str, Any]:
        return {"models": [{"id": model.id, "name": model.id} for model in MODELS]}

    return router


async def _answer(
    body: OpenAiSpeechBody, desk: SpeechDesk, order: SpeechOrder, request_id: str
) -> Response:
    answer = answer_events if body.stream_format is StreamFormat.SSE else answer_audio
    return await answer(body, desk, order, request_id)


def _order(body: OpenAiSpeechBody, caller: Caller) -> SpeechOrder:
    return SpeechOrder(
        text=body.input,
        engine=model_of(body.model).engine,
        voice=body.voice_name,
        reference=body.ref_audio,
        transcript=body.ref_text,
        instruction=body.instructions or None,
        language=body.language,
        speed=body.speed,
        seed=body.seed,
        stream=body.wants_stream,
        priority=body.priority,
        audio_format=body.response_format,
        caller=caller,
    )
