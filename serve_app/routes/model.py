"""``/model``: what speaks here, as clients of a voice cloning service ask for it."""

from fastapi import APIRouter

from serve_app.dialects import CLONING
from serve_app.engine_infos import EngineInfos, features_of
from serve_app.model_views import ModelInfo
from serve_app.openapi import refusals
from serve_app.orders import COSYVOICE


def model_routes(infos: EngineInfos) -> APIRouter:
    """Build the family's routes."""
    router = APIRouter(tags=["Voice cloning"])
    responses = refusals(CLONING, 401, 403, 429, 500, 503)

    @router.get("/model/info", summary="What speaks here", responses=responses)
    async def describe_model() -> ModelInfo:
        info = await infos.get(COSYVOICE)
        return ModelInfo(
            device=info.device,
            features=list(features_of(info)),
            languages=await infos.languages(),
            model_name=info.model,
        )

    return router
