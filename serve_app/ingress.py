"""The ingress deployment: a FastAPI application made in the replica, with its handles."""

from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from configs.app import AppConfig
from configs.environment import resolve_path
from deployments.logs import start_logging
from serve_app.desk import SpeechDesk
from serve_app.health import EngineHealth
from serve_app.references import ReferenceResolver
from serve_app.routes import cosyvoice, mms
from serve_app.web import make_web_app
from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.reference_folder import ReferenceFolder

Handle = DeploymentHandle[Any]

COSYVOICE_DEPLOYMENT = "CosyVoice"
MMS_DEPLOYMENT = "MMS"


class Ingress:
    """Knows HTTP, voices by name, and which deployment does what. No audio, no model."""

    def __init__(
        self,
        config: AppConfig,
        audio_processor: Handle,
        cosyvoice_engine: Handle,
        mms_engine: Handle,
    ) -> None:
        start_logging(config.logging, "Ingress")
        engines = {cosyvoice.ENGINE: cosyvoice_engine, mms.ENGINE: mms_engine}
        deployments = {cosyvoice.ENGINE: COSYVOICE_DEPLOYMENT, mms.ENGINE: MMS_DEPLOYMENT}
        folders = (BUILTIN_FOLDER, *map(resolve_path, config.voices.folders))
        reference_folder = config.voices.reference_folder
        self._http = config.http
        self._desk = SpeechDesk(audio_processor, engines, config.http.max_text_characters)
        self._references = ReferenceResolver(
            VoiceCatalogue(folders),
            ReferenceFolder(resolve_path(reference_folder) if reference_folder else None),
        )
        application = serve.get_replica_context().app_name
        self._health = EngineHealth(application, deployments)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Make the web application; Ray calls this once the replica is constructed."""
        return make_web_app(self._http, self._desk, self._references, self._health)
