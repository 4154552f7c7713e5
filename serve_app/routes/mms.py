"""``/v1/model/mms``: speech by the MMS deployment."""

from fastapi import APIRouter

from configs.app import Http
from engines.protocol import Mode
from serve_app.bodies import MmsBody
from serve_app.caller import Caller
from serve_app.desk import SpeechDesk
from serve_app.orders import MMS, SpeechOrder
from serve_app.speech_route import SpeechRoutes


def mms_routes(desk: SpeechDesk, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix=f"/v1/model/{MMS}", tags=["MMS"])
    routes = SpeechRoutes(router, desk, http.max_body_bytes)
    routes.add("/tts", MmsBody, _tts, example={"text": "Selamat pagi, apa khabar?"})
    return router


def _tts(body: MmsBody, caller: Caller) -> SpeechOrder:
    return body.order(MMS, Mode.TTS, caller)
