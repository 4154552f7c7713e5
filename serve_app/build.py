"""``import_path: serve_app:build``: settings in, Ray Serve application out."""

from collections.abc import Callable
from typing import Any, cast

from ray import serve
from ray.serve import Application, Deployment

from configs.app import AppConfig
from deployments.accounts import Accounts
from deployments.audio_processor import AudioProcessor
from deployments.engine_server import EngineServer
from serve_app.ingress import COSYVOICE_DEPLOYMENT, MMS_DEPLOYMENT, Ingress

INGRESS_DEPLOYMENT = "Ingress"
ACCOUNTS_DEPLOYMENT = "Accounts"
AUDIO_PROCESSOR_DEPLOYMENT = "AudioProcessor"
DEPLOYMENTS = (
    INGRESS_DEPLOYMENT,
    AUDIO_PROCESSOR_DEPLOYMENT,
    COSYVOICE_DEPLOYMENT,
    MMS_DEPLOYMENT,
    ACCOUNTS_DEPLOYMENT,
)
"""The names that a profile may set Serve options for."""


def build(args: AppConfig) -> Application:
    """Bind the deployments together. Their Serve options come from the YAML alone.

    Accounts is there only where keys are asked for: otherwise there is nobody to count for.
    """
    engines, watching = args.engines, (args.logging, args.tracing)
    cosyvoice = _deployment(EngineServer, COSYVOICE_DEPLOYMENT).bind(
        COSYVOICE_DEPLOYMENT, engines.cosyvoice, engines.voice_cache_bytes, args.voices, *watching
    )
    mms = _deployment(EngineServer, MMS_DEPLOYMENT).bind(
        MMS_DEPLOYMENT, engines.mms, engines.voice_cache_bytes, args.voices, *watching
    )
    audio_processor = _deployment(AudioProcessor, AUDIO_PROCESSOR_DEPLOYMENT).bind(
        args.audio, args.voices, *watching
    )
    ingress = _deployment(serve.ingress()(Ingress), INGRESS_DEPLOYMENT)
    if not args.auth.asks_for_keys:
        return ingress.bind(args, audio_processor, cosyvoice, mms)
    accounts = _deployment(Accounts, ACCOUNTS_DEPLOYMENT).bind(args.auth, args.logging)
    return ingress.bind(args, audio_processor, cosyvoice, mms, accounts)


def _deployment(body: Callable[..., Any], name: str) -> Deployment:
    return cast(Deployment, serve.deployment(body, name=name))
