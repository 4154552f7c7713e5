"""``/v1/stream/tts`` and ``/v1/synthesize``: speech for voice agents."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from audio.formats import AudioFormat
from configs.app import Http
from serve_app.caller import Caller
from serve_app.client_bodies import AgentSpeechBody
from serve_app.desk import SpeechDesk
from serve_app.dialects import AGENT
from serve_app.orders import SpeechOrder
from serve_app.sockets.agent import AgentSession
from serve_app.sockets.agent_text import agent_order
from serve_app.sockets.connections import Connections
from serve_app.speech_route import SpeechRoutes
from serve_app.voice_desk import VoiceDesk

_EXAMPLE = {"text": "Hello, how are you?", "voice_id": "default", "streaming": True}


def agent_routes(
    desk: SpeechDesk, voices: VoiceDesk, connections: Connections, http: Http
) -> APIRouter:
    """Build the family's routes: bare float32 samples, over a WebSocket or HTTP."""
    router = APIRouter(tags=["Voice agent"])
    routes = SpeechRoutes(
        router, desk, http.max_body_bytes, AGENT, [AudioFormat.PCM_F32.media_type]
    )
    routes.add("/v1/synthesize", AgentSpeechBody, _order, example=_EXAMPLE)

    @router.websocket("/v1/stream/tts")
    async def stream(socket: WebSocket) -> None:
        await connections.serve(socket, AGENT, AgentSession(socket, desk, voices, http).serve)

    return router


def _order(body: AgentSpeechBody, caller: Caller) -> SpeechOrder:
    return agent_order(body, body.text, caller)
