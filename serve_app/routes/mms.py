"""``/v1/model/mms``: speech by the MMS deployment."""

from fastapi import APIRouter
from starlette.responses import Response

from configs.app import Http
from engines.protocol import SynthesisRequest
from serve_app.bodies import MmsBody
from serve_app.desk import SpeechCall, SpeechDesk
from serve_app.speech_route import add_speech_route

ENGINE = "mms"


def mms_routes(desk: SpeechDesk, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(prefix=f"/v1/model/{ENGINE}", tags=["MMS"])

    async def tts(body: MmsBody, request_id: str) -> Response:
        synthesis = SynthesisRequest(
            text=body.text,
            language=body.language,
            speed=body.speed,
            seed=body.seed,
            stream=body.stream,
        )
        call = SpeechCall(
            engine=ENGINE,
            synthesis=synthesis,
            clip=None,
            brought=False,
            voice=body.language or "default",
            audio_format=body.format,
            stream=body.stream,
        )
        return await desk.answer(call, request_id)

    add_speech_route(
        router, "/tts", MmsBody, tts,
        example={"text": "Selamat pagi, apa khabar?"}, max_body_bytes=http.max_body_bytes,
    )  # fmt: skip
    return router
