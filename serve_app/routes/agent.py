"""``/v1/stream/tts``: speech for voice agents over a WebSocket."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from configs.app import Http
from serve_app.desk import SpeechDesk
from serve_app.dialects import AGENT
from serve_app.sockets.agent import AgentSession
from serve_app.sockets.connections import Connections


def agent_routes(desk: SpeechDesk, connections: Connections, http: Http) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(tags=["Voice agent"])

    @router.websocket("/v1/stream/tts")
    async def stream(socket: WebSocket) -> None:
        await connections.serve(socket, AGENT, AgentSession(socket, desk, http).serve)

    return router
