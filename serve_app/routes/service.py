"""What watches the service asks: alive, ready, healthy, metrics."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from deployments.node_metrics import read_application
from serve_app.canary import Canary
from serve_app.health import EngineHealth
from serve_app.orders import COSYVOICE


def service_routes(health: EngineHealth, canary: Canary) -> APIRouter:
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

    @router.get("/healthz", summary="Is this process alive?")
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @router.get("/readyz", summary="Was a sentence spoken well lately?")
    async def ready() -> JSONResponse:
        problems = canary.problems()
        if not problems:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "problems": problems}, status_code=503)

    @router.get("/api/metrics", summary="Metrics of all replicas, for Prometheus")
    async def metrics() -> Response:
        return Response(
            await read_application(health.application),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    return router


def _answer(healthy: bool, more: dict[str, Any]) -> JSONResponse:
    status = "healthy" if healthy else "unhealthy"
    return JSONResponse({"status": status, **more}, status_code=200 if healthy else 503)
