"""The ingress deployment: a FastAPI application made in the replica, with its handles."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.grpc_util import RayServegRPCContext
from ray.serve.handle import DeploymentHandle

from configs.app import AppConfig
from configs.environment import read_door, resolve_path
from deployments.logs import start_logging
from deployments.metrics import ProcessMetrics, RequestMetrics
from deployments.tracing import open_tracer
from engines.language_detection import load_detector
from serve_app.canary import Canary
from serve_app.desk import SpeechDesk
from serve_app.engine_choice import COSYVOICE, MMS, EngineChoice
from serve_app.engine_infos import EngineInfos
from serve_app.exposure import check_exposure, serving_hosts
from serve_app.grpc_door import infer
from serve_app.health import EngineHealth
from serve_app.orders import OrderTaker
from serve_app.protos.cosyvoice_pb2 import Request, Response
from serve_app.references import ReferenceResolver
from serve_app.security import Security
from serve_app.spoken_lately import SpokenLately
from serve_app.voice_desk import VoiceDesk
from serve_app.web import make_web_app
from voices.catalogue import BUILTIN_FOLDER, VoiceCatalogue
from voices.reference_folder import ReferenceFolder
from voices.registry import VoiceRegistry
from voices.store import VoiceStore
from voices.view import VoiceView

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
        accounts: Handle | None = None,
    ) -> None:
        start_logging(config.logging, "Ingress")
        self._tracer = open_tracer(config.tracing, "Ingress")
        check_exposure(config.auth, serving_hosts(read_door()))
        self._security = Security.of(config, accounts)
        engines = {COSYVOICE: cosyvoice_engine, MMS: mms_engine}
        deployments = {COSYVOICE: COSYVOICE_DEPLOYMENT, MMS: MMS_DEPLOYMENT}
        folders = (BUILTIN_FOLDER, *map(resolve_path, config.voices.folders))
        reference_folder = config.voices.reference_folder
        self._http = config.http
        store = VoiceStore.open(config.voices)
        registry = VoiceRegistry(VoiceCatalogue(folders), VoiceView(store, config.voices.refresh_s))
        self._voices = VoiceDesk(registry, store, audio_processor, config.voices)
        references = ReferenceResolver(
            registry,
            ReferenceFolder(resolve_path(reference_folder) if reference_folder else None),
        )
        load_detector()
        metrics, lately = RequestMetrics(), SpokenLately()
        taker = OrderTaker(
            references,
            config.http.max_text_characters,
            config.voices.voice_aliases(),
            EngineChoice(config.engines.languages),
        )
        self._desk = SpeechDesk(
            taker, audio_processor, engines, self._security.meter, metrics, lately, self._tracer
        )
        application = serve.get_replica_context().app_name
        self._health = EngineHealth(application, deployments)
        self._infos = EngineInfos(engines)
        ready = config.readiness
        sentences = {COSYVOICE: ready.cosyvoice_text, MMS: ready.mms_text}
        self._canary = Canary(self._desk, sentences, ready, metrics, lately)
        self._process = ProcessMetrics()

    def check_health(self) -> None:
        """Called by Ray again and again: an event loop that is stuck does not answer."""
        self._process.publish()
        self._canary.publish()

    def __del__(self) -> None:
        """Hand over the last spans; Ray calls this when the replica shuts down."""
        if tracer := getattr(self, "_tracer", None):
            tracer.close()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Make the web application; Ray calls this once the replica is constructed."""
        guard = self._security.guard()
        parts = (self._health, self._canary, self._infos)
        return make_web_app(self._http, self._desk, self._voices, *parts, guard)

    async def Inference(  # noqa: N802  the name of upstream's procedure
        self, request: Request, grpc_context: RayServegRPCContext
    ) -> AsyncGenerator[Response, None]:
        """Answer ``cosyvoice.CosyVoice/Inference``; Serve's gRPC proxy calls this by its name."""
        responses = infer(self._desk, request, grpc_context, self._security)
        async with aclosing(responses):
            async for response in responses:
                yield response
