"""``/voice``, ``/voices`` and ``/model``: what clients of a voice cloning service call."""

import secrets

from fastapi import APIRouter
from starlette.requests import Request

from audio.formats import AudioFormat
from configs.app import Http
from serve_app.body_reader import read_body
from serve_app.caller import Caller, caller_of
from serve_app.client_bodies import CloningSpeechBody, VoiceUploadBody
from serve_app.desk import SpeechDesk
from serve_app.dialects import CLONING
from serve_app.engine_infos import EngineInfos, features_of
from serve_app.model_views import ModelInfo
from serve_app.openapi import form_body, refusals
from serve_app.orders import COSYVOICE, SpeechOrder
from serve_app.speech_route import SpeechRoutes
from serve_app.voice_desk import NewVoice, VoiceDesk
from serve_app.voice_views import CloningVoice, CloningVoices, RemovedVoice, UploadedVoice

_EXAMPLE = {"text": "Hello, how are you?", "voice_id": "anna", "language": "en"}
_READ = refusals(CLONING, 401, 403, 404, 429, 500, 503)
_CHANGED = _READ | refusals(CLONING, 400, 409, 413, 415, 422)


def cloning_routes(
    desk: SpeechDesk, voices: VoiceDesk, infos: EngineInfos, http: Http
) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(tags=["Voice cloning"])
    routes = SpeechRoutes(router, desk, http.max_body_bytes, CLONING, [AudioFormat.WAV.media_type])
    routes.add("/voice/synthesize", CloningSpeechBody, _order, example=_EXAMPLE)

    @router.post(
        "/voice/upload",
        summary="Register a voice from an audio file",
        responses=_CHANGED,
        openapi_extra=form_body(VoiceUploadBody),
    )
    async def upload_voice(request: Request) -> UploadedVoice:
        body = await read_body(request, VoiceUploadBody, http.max_body_bytes)
        voice = await voices.register(_new_voice(body), caller_of(request))
        return UploadedVoice(voice_id=voice.id, voice=CloningVoice.of(voice))

    @router.get("/voices", summary="All voices", responses=_READ)
    async def list_cloning_voices() -> CloningVoices:
        return CloningVoices(voices=[CloningVoice.of(voice) for voice in await voices.voices()])

    @router.delete("/voices/{voice_id}", summary="Delete a voice everywhere", responses=_READ)
    async def remove_voice(voice_id: str, request: Request) -> RemovedVoice:
        voice = await voices.delete(voice_id, caller_of(request))
        return RemovedVoice(voice_id=voice.id)

    @router.get("/model/info", summary="What speaks here", responses=_READ)
    async def describe_model() -> ModelInfo:
        info = await infos.get(COSYVOICE)
        return ModelInfo(
            device=info.device,
            features=list(features_of(info)),
            languages=await infos.languages(),
            model_name=info.model,
        )

    return router


def _order(body: CloningSpeechBody, caller: Caller) -> SpeechOrder:
    return SpeechOrder(
        text=body.text,
        voice=body.voice_id,
        language=body.language,
        speed=body.speed,
        audio_format=AudioFormat.WAV,
        caller=caller,
    )


def _new_voice(body: VoiceUploadBody) -> NewVoice:
    return NewVoice(
        name=body.name or f"upload-{secrets.token_hex(4)}",
        audio=body.audio,
        transcript=body.transcript,
        language=body.language,
        consent=body.consent,
    )
