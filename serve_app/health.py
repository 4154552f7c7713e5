"""Which engines are up, as Ray's controller sees them."""

import asyncio
import time

from ray import serve
from ray.serve.schema import ServeStatus

_FRESH_S = 1.0
_RUNNING = "RUNNING"


class EngineHealth:
    """Asks the controller, at most once a second, however many ask us.

    Its view comes from each replica's own health checks, so a replica that is merely busy counts
    as up, and one that is wedged or gone does not.
    """

    def __init__(self, application: str, deployments: dict[str, str]) -> None:
        self.application = application
        self._deployments = deployments
        self._engines: list[str] = []
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    @property
    def configured(self) -> list[str]:
        """The engines that should be up."""
        return list(self._deployments)

    async def engines_up(self) -> list[str]:
        """The engines with at least one running replica."""
        async with self._lock:
            if time.monotonic() - self._asked > _FRESH_S:
                self._engines = self._running(await asyncio.to_thread(serve.status))
                self._asked = time.monotonic()
            return self._engines

    def _running(self, status: ServeStatus) -> list[str]:
        application = status.applications.get(self.application)
        if application is None:
            return []
        return [
            engine
            for engine, deployment in self._deployments.items()
            if deployment in application.deployments
            and _RUNNING in application.deployments[deployment].replica_states
        ]
