"""``/v1/audio`` and ``/v1/models``: what OpenAI's clients call."""

from fastapi import APIRouter
from starlette.responses import Response

from configs.app import Http
from serve_app.caller import Caller
from serve_app.client_bodies import OpenAiSpeechBody, StreamFormat
from serve_app.desk import SpeechDesk
from serve_app.dialects import OPENAI
from serve_app.model_views import ModelList, ModelName, ModelNames, ModelView
from serve_app.models import MODELS, model_of
from serve_app.openapi import refusals
from serve_app.orders import SpeechOrder
from serve_app.speech_events import EVENT_STREAM, answer_events
from serve_app.speech_route import AUDIO_TYPES, SpeechRoutes, answer_audio

_EXAMPLE = {"model": "tts-1", "voice": "alloy", "input": "Hello, how are you today?"}
_DENIED = refusals(OPENAI, 401, 403, 429, 500)


def openai_routes(desk: SpeechDesk, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])
    speech = SpeechRoutes(router, desk, http.max_body_bytes, OPENAI, (*AUDIO_TYPES, EVENT_STREAM))
    speech.add("/audio/speech", OpenAiSpeechBody, _order, example=_EXAMPLE, answer=_answer)

    @router.get("/models", summary="What may be asked for as model", responses=_DENIED)
    async def list_models() -> ModelList:
        return ModelList(data=[model.view() for model in MODELS])

    @router.get("/models/{model}", summary="One model", responses=_DENIED | refusals(OPENAI, 404))
    async def get_model(model: str) -> ModelView:
        return model_of(model).view()

    @router.get("/audio/models", summary="The models for Open WebUI", responses=_DENIED)
    async def list_audio_models() -> ModelNames:
        return ModelNames(models=[ModelName(id=model.id, name=model.id) for model in MODELS])

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
