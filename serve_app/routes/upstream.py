"""``/inference_*``: what clients of upstream's FastAPI server call, and LightTTS' clients."""

from typing import Any

from fastapi import APIRouter

from audio.formats import AudioFormat
from configs.app import Http
from engines.protocol import Mode
from serve_app.caller import Caller
from serve_app.client_bodies import (
    Instruct2Body,
    SftBody,
    UpstreamBody,
    UpstreamCrossLingualBody,
    UpstreamInstructBody,
    UpstreamZeroShotBody,
)
from serve_app.desk import SpeechDesk
from serve_app.dialects import UPSTREAM
from serve_app.orders import COSYVOICE, SpeechOrder
from serve_app.speech_route import SpeechRoutes


def upstream_routes(desk: SpeechDesk, http: Http) -> APIRouter:
    """Build the family's routes: bare s16le samples, their rate in ``X-Sample-Rate``."""
    router = APIRouter(tags=["CosyVoice upstream"])
    routes = SpeechRoutes(router, desk, http.max_body_bytes, UPSTREAM, [AudioFormat.PCM.media_type])
    say = {"tts_text": "Hello, how are you today?"}
    clip, speaker = {"prompt_wav": "qwen"}, {"spk_id": "anna"}
    words, manner = {"prompt_text": "What is said in the clip."}, {"instruct_text": "Slowly."}

    def add(name: str, body_class: Any, translate: Any, example: dict[str, Any]) -> None:
        routes.add(f"/inference_{name}", body_class, translate, example=example, also_get=True)

    add("sft", SftBody, _sft, say | speaker)
    add("zero_shot", UpstreamZeroShotBody, _zero_shot, say | clip | words)
    add("cross_lingual", UpstreamCrossLingualBody, _cross_lingual, say | clip)
    add("instruct", UpstreamInstructBody, _instruct, say | speaker | manner)
    add("instruct2", Instruct2Body, _instruct2, say | clip | manner)
    return router


def _order(body: UpstreamBody, mode: Mode, caller: Caller, **more: Any) -> SpeechOrder:
    return SpeechOrder(
        text=body.tts_text,
        engine=COSYVOICE,
        mode=mode,
        language=body.language,
        speed=body.speed,
        seed=body.seed,
        stream=body.stream,
        audio_format=AudioFormat.PCM,
        caller=caller,
        **more,
    )


def _sft(body: SftBody, caller: Caller) -> SpeechOrder:
    return _order(body, Mode.TTS, caller, voice=body.spk_id)


def _zero_shot(body: UpstreamZeroShotBody, caller: Caller) -> SpeechOrder:
    return _order(
        body, Mode.ZERO_SHOT, caller, reference=body.prompt_wav, transcript=body.prompt_text
    )


def _cross_lingual(body: UpstreamCrossLingualBody, caller: Caller) -> SpeechOrder:
    return _order(body, Mode.CROSS_LINGUAL, caller, reference=body.prompt_wav)


def _instruct(body: UpstreamInstructBody, caller: Caller) -> SpeechOrder:
    return _order(body, Mode.INSTRUCT, caller, voice=body.spk_id, instruction=body.instruct_text)


def _instruct2(body: Instruct2Body, caller: Caller) -> SpeechOrder:
    return _order(
        body, Mode.INSTRUCT, caller, reference=body.prompt_wav, instruction=body.instruct_text
    )
