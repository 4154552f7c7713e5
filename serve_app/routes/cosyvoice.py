"""``/v1/model/cosyvoice``: speech by the CosyVoice deployment."""

from typing import Any

from fastapi import APIRouter

from configs.app import Http
from engines.protocol import Mode
from serve_app.bodies import CrossLingualBody, InstructBody, TtsBody, ZeroShotBody
from serve_app.caller import Caller
from serve_app.desk import SpeechDesk
from serve_app.orders import COSYVOICE, SpeechOrder
from serve_app.speech_route import SpeechRoutes

_HELLO = "Hello, how are you today?"


def cosyvoice_routes(desk: SpeechDesk, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix=f"/v1/model/{COSYVOICE}", tags=["CosyVoice"])
    add = SpeechRoutes(router, desk, http.max_body_bytes).add
    say: dict[str, Any] = {"text": _HELLO}
    clip = {"reference_audio": "qwen"}
    words = {"reference_text": "What is said in the clip."}
    manner = {"instruction": "Speak slowly and warmly."}
    add("/tts", TtsBody, _tts, example=say)
    add("/zero_shot", ZeroShotBody, _zero_shot, example=say | clip | words)
    add("/cross_lingual", CrossLingualBody, _cross_lingual, example=say | clip)
    add("/instruct", InstructBody, _instruct, example=say | manner)
    return router


def _tts(body: TtsBody, caller: Caller) -> SpeechOrder:
    return body.order(COSYVOICE, Mode.TTS, caller, voice=body.voice_type)


def _zero_shot(body: ZeroShotBody, caller: Caller) -> SpeechOrder:
    return body.order(
        COSYVOICE, Mode.ZERO_SHOT, caller,
        reference=body.reference_audio, transcript=body.reference_text,
    )  # fmt: skip


def _cross_lingual(body: CrossLingualBody, caller: Caller) -> SpeechOrder:
    return body.order(COSYVOICE, Mode.CROSS_LINGUAL, caller, reference=body.reference_audio)


def _instruct(body: InstructBody, caller: Caller) -> SpeechOrder:
    return body.order(
        COSYVOICE, Mode.INSTRUCT, caller,
        voice=body.voice_type, instruction=body.instruction,
    )  # fmt: skip
