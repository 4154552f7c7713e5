"""Health: of the whole service, and of the CosyVoice engine alone."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from serve_app.health import EngineHealth
from serve_app.orders import COSYVOICE


def service_routes(health: EngineHealth) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(tags=["Service"])

    @router.get("/api/health", summary="Are all engines up?")
    async def service_health() -> JSONResponse:
        engines = await health.engines_up()
        return _answer(engines == health.configured, {"engines": engines})

    @router.get(f"/v1/model/{COSYVOICE}/healthcheck", summary="Is the CosyVoice engine up?")
    @router.post(f"/v1/model/{COSYVOICE}/healthcheck", summary="Is the CosyVoice engine up?")
    async def engine_health() -> JSONResponse:
        return _answer(COSYVOICE in await health.engines_up(), {})

    return router


def _answer(healthy: bool, more: dict[str, Any]) -> JSONResponse:
    status = "healthy" if healthy else "unhealthy"
    return JSONResponse({"status": status, **more}, status_code=200 if healthy else 503)
