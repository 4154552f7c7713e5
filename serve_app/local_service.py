"""The service on this machine: a Ray of its own, started and stopped with it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray import serve
from ray.serve._private.api import serve_start
from ray.serve.config import gRPCOptions
from ray.serve.schema import ApplicationStatus, ServeDeploySchema

from configs.environment import set_for_children

PROXY_CALLBACK = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
"""Ray's variable for what its proxies call when they start."""
DOOR = "serve_app.door:proxy_middlewares"
_POLL_S = 0.1
_NICENESS = 0
"""Ray would give replicas 15, and so let everything else on the machine go before the speech."""


class StartError(RuntimeError):
    """The service did not come up; the message says which part, and why."""


@contextmanager
def local_ray(
    *,
    dashboard: bool,
    forward_logs: bool = True,
    temp_dir: Path | None = None,
    grpc_host: str = "127.0.0.1",
) -> Iterator[None]:
    """A Ray cluster on loopback that lives as long as the block; others are left alone.

    Its proxies have our door, and gRPC listens on ``grpc_host`` instead of on all addresses.
    """
    set_for_children({PROXY_CALLBACK: DOOR, "DOOR_GRPC_HOST": grpc_host})
    ray.init(
        address="local",
        namespace="serve",
        include_dashboard=dashboard,
        dashboard_host="127.0.0.1",
        log_to_driver=forward_logs,
        _system_config={"worker_niceness": _NICENESS},
        _temp_dir=str(temp_dir) if temp_dir else None,
    )
    try:
        yield
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def deploy(profile: ServeDeploySchema, *, timeout_s: float) -> None:
    """Deploy ``profile`` on the running Ray, as ``serve run`` does, and wait until it serves.

    ``serve run`` itself would cost another Python start, and cannot take the port from ``PORT``.

    Raises:
        StartError: an application failed, or is not up after ``timeout_s``.
    """
    client = serve_start(
        http_options=profile.http_options.model_dump(),
        proxy_location=profile.proxy_location,
        grpc_options=gRPCOptions(**profile.grpc_options.model_dump()),
    )
    client.deploy_apps(profile)
    deadline = time.monotonic() + timeout_s
    while not _is_running(profile):
        if time.monotonic() > deadline:
            raise StartError(f"not up after {timeout_s:g} s: {_states()}")
        time.sleep(_POLL_S)


def _is_running(profile: ServeDeploySchema) -> bool:
    applications = serve.status().applications
    for name in (application.name for application in profile.applications):
        if name not in applications:
            return False
        status = applications[name].status
        if status == ApplicationStatus.DEPLOY_FAILED:  # UNHEALTHY may pass
            raise StartError(f"{name}: {applications[name].message}\n{_states()}")
        if status != ApplicationStatus.RUNNING:
            return False
    return True


def _states() -> str:
    lines = [
        f"{name}: {overview.status} {overview.message}"
        for application in serve.status().applications.values()
        for name, overview in application.deployments.items()
    ]
    return "\n".join(lines)
