"""The FastAPI application: routes, error answers, limits."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from configs.app import Http
from serve_app.body_limit import BodyLimit
from serve_app.canary import Canary
from serve_app.described_app import DescribedApp
from serve_app.desk import SpeechDesk
from serve_app.dialects import answer_error
from serve_app.engine_infos import EngineInfos
from serve_app.errors import CLIENT_ERRORS
from serve_app.health import EngineHealth
from serve_app.routes.agent import agent_routes
from serve_app.routes.bistream import bistream_routes
from serve_app.routes.cloning import cloning_routes
from serve_app.routes.cosyvoice import cosyvoice_routes
from serve_app.routes.mms import mms_routes
from serve_app.routes.openai import openai_routes
from serve_app.routes.page import page_routes
from serve_app.routes.service import service_routes
from serve_app.routes.upstream import upstream_routes
from serve_app.routes.voices import voice_routes
from serve_app.sockets.connections import Connections
from serve_app.voice_desk import VoiceDesk

_EXPOSED_HEADERS = [
    "X-Request-ID", "X-TTS-Engine", "X-TTS-Voice", "X-TTS-Mode", "X-TTS-Voice-Match",
    "X-TTS-Voice-Cache", "X-TTS-Ignored", "X-Sample-Rate", "X-Audio-Duration", "X-TTS-RTF",
    "Retry-After",
]  # fmt: skip


def make_web_app(
    http: Http,
    desk: SpeechDesk,
    voices: VoiceDesk,
    health: EngineHealth,
    canary: Canary,
    infos: EngineInfos,
    guard: Middleware,
) -> FastAPI:
    """Put the front door together. What is added later stands further outside."""
    app = DescribedApp(lambda _: canary.at_work())
    for error_class in (*CLIENT_ERRORS, HTTPException, Exception):
        app.add_exception_handler(error_class, _answer_error)
    app.add_middleware(BodyLimit, max_bytes=http.max_body_bytes)
    app.add_middleware(guard.cls, *guard.args, **guard.kwargs)
    if http.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(http.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=_EXPOSED_HEADERS,
        )
    app.include_router(cosyvoice_routes(desk, http))
    app.include_router(mms_routes(desk, http))
    app.include_router(openai_routes(desk, http))
    app.include_router(upstream_routes(desk, http))
    app.include_router(voice_routes(voices, http))
    app.include_router(cloning_routes(desk, voices, infos, http))
    connections = Connections(http.websockets)
    app.include_router(agent_routes(desk, voices, connections, http))
    app.include_router(bistream_routes(desk, connections, http))
    app.include_router(service_routes(health, canary))
    app.include_router(page_routes())
    return app


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    return answer_error(request, error)
