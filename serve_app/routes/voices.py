"""``/v1/audio/voices``: registering, listing, renaming and deleting voices."""

from fastapi import APIRouter
from starlette.requests import Request

from configs.app import Http
from serve_app.body_reader import read_body
from serve_app.caller import caller_of
from serve_app.client_bodies import ClipBody, NewVoiceBody, RenameBody
from serve_app.dialects import OPENAI_VOICES
from serve_app.openapi import form_body, json_body, refusals
from serve_app.voice_desk import NewVoice, VoiceDesk
from serve_app.voice_views import ClipQuality, DeletedVoice, VoiceList, VoiceView

_READ = refusals(OPENAI_VOICES, 401, 403, 404, 429, 500, 503)
_CHANGED = _READ | refusals(OPENAI_VOICES, 400, 409, 413, 415, 422)


def voice_routes(voices: VoiceDesk, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix="/v1/audio/voices", tags=["Voices"])

    @router.get("", summary="All voices", responses=_READ)
    async def list_voices() -> VoiceList:
        return VoiceList.of(await voices.voices())

    @router.post(
        "",
        summary="Register a voice from a clip",
        responses=_CHANGED,
        openapi_extra=form_body(NewVoiceBody),
    )
    async def register_voice(request: Request) -> VoiceView:
        body = await read_body(request, NewVoiceBody, http.max_body_bytes)
        return VoiceView.of(await voices.register(_new_voice(body), caller_of(request)))

    @router.post(
        "/check",
        summary="Measure a clip without keeping it",
        responses=_CHANGED,
        openapi_extra=form_body(ClipBody),
    )
    async def check_clip(request: Request) -> ClipQuality:
        body = await read_body(request, ClipBody, http.max_body_bytes)
        check = await voices.check(body.audio_sample)
        return ClipQuality(quality=check.quality, warnings=check.warnings)

    @router.get("/{voice_id}", summary="One voice, by id or name", responses=_READ)
    async def get_voice(voice_id: str) -> VoiceView:
        return VoiceView.of(await voices.get(voice_id))

    @router.patch(
        "/{voice_id}",
        summary="Give a voice another name",
        responses=_CHANGED,
        openapi_extra=json_body(RenameBody),
    )
    async def rename_voice(voice_id: str, request: Request) -> VoiceView:
        body = await read_body(request, RenameBody, http.max_body_bytes)
        return VoiceView.of(await voices.rename(voice_id, body.name, caller_of(request)))

    @router.delete("/{voice_id}", summary="Delete a voice everywhere", responses=_READ)
    async def delete_voice(voice_id: str, request: Request) -> DeletedVoice:
        voice = await voices.delete(voice_id, caller_of(request))
        return DeletedVoice(id=voice.id)

    return router


def _new_voice(body: NewVoiceBody) -> NewVoice:
    return NewVoice(
        name=body.name,
        audio=body.audio_sample,
        transcript=body.ref_text,
        language=body.language,
        consent=body.consent,
    )
