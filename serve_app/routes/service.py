"""What watches the service asks: alive, ready, healthy, metrics."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from deployments.node_metrics import read_application
from serve_app.canary import Canary
from serve_app.dialects import OWN
from serve_app.health import EngineHealth
from serve_app.openapi import json_answers, refusals
from serve_app.orders import COSYVOICE
from serve_app.timestamps import utc_now

_STRING = {"type": "string"}
_STRINGS = {"type": "array", "items": _STRING}
_HEALTH = {"enum": ["healthy", "unhealthy"]}


def service_routes(health: EngineHealth, canary: Canary) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(tags=["Service"])

    engines_answer = json_answers(200, 503, status=_HEALTH, engines=_STRINGS)

    @router.get("/api/health", summary="Are all engines up?", responses=engines_answer)
    async def service_health() -> JSONResponse:
        engines = await health.engines_up()
        return _answer(engines == health.configured, {"engines": engines})

    timed_answer = json_answers(200, 503, status=_HEALTH, timestamp=_STRING)

    @router.get("/health", summary="Are all engines up, and when?", responses=timed_answer)
    async def timed_health() -> JSONResponse:
        engines = await health.engines_up()
        return _answer(engines == health.configured, {"timestamp": utc_now()})

    path, summary = f"/v1/model/{COSYVOICE}/healthcheck", "Is the CosyVoice engine up?"
    engine_answer = json_answers(200, 503, status=_HEALTH)

    @router.get(path, summary=summary, responses=engine_answer)
    @router.post(path, summary=summary, responses=engine_answer)
    async def engine_health() -> JSONResponse:
        return _answer(COSYVOICE in await health.engines_up(), {})

    alive_answer = json_answers(200, status={"const": "alive"})

    @router.get("/healthz", summary="Is this process alive?", responses=alive_answer)
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    ready_answer = json_answers(200, 503, status={"enum": ["ready", "not ready"]})

    @router.get("/readyz", summary="Was a sentence spoken well lately?", responses=ready_answer)
    async def ready() -> JSONResponse:
        problems = canary.problems()
        if not problems:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "problems": problems}, status_code=503)

    @router.get(
        "/api/metrics",
        summary="Metrics of all replicas, for Prometheus",
        response_class=PlainTextResponse,
        responses=refusals(OWN, 401, 403, 500),
    )
    async def metrics() -> Response:
        return Response(
            await read_application(health.application),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    return router


def _answer(healthy: bool, more: dict[str, Any]) -> JSONResponse:
    status = "healthy" if healthy else "unhealthy"
    return JSONResponse({"status": status, **more}, status_code=200 if healthy else 503)
