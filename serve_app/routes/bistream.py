"""``/inference_zero_shot_bistream``: LightTTS' WebSocket beside upstream's endpoints."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from configs.app import Http
from serve_app.desk import SpeechDesk
from serve_app.dialects import UPSTREAM
from serve_app.sockets.bistream import Bistream
from serve_app.sockets.connections import Connections


def bistream_routes(desk: SpeechDesk, connections: Connections, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(tags=["CosyVoice upstream"])

    @router.websocket("/inference_zero_shot_bistream")
    async def bistream(socket: WebSocket) -> None:
        await connections.serve(socket, UPSTREAM, Bistream(socket, desk, http).serve)

    return router
