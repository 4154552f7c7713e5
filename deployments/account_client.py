"""How the Ingress asks Accounts, and tells it what has happened."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

from loguru import logger
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from access.keys import KeyLimits
from access.ledger import LEASE_S, Lease
from deployments.calls import no_replica_is_refusal
from deployments.errors import OverloadedError, UnavailableError
from deployments.messages import Refused

_ASK_TIMEOUT_S = 5.0
_RENEW_S = LEASE_S / 3


class AccountsUnavailableError(UnavailableError):
    """Nobody counts at the moment, so a key with limits cannot be let in."""

    def __str__(self) -> str:
        return "the limits of this API key cannot be checked at the moment; try again shortly"


class AccountClient:
    """Asks before (who does not get an answer is not let in), and tells afterwards.

    What is told may get lost with the Accounts replica: a lease then ends by itself, and audio
    that was heard in that moment is not counted.
    """

    def __init__(self, accounts: DeploymentHandle[Any], max_websockets: int) -> None:
        self._accounts = accounts
        self._max_websockets = max_websockets
        self._leases: dict[str, Lease] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lease(
        self, key_name: str, limits: KeyLimits, *, is_websocket: bool
    ) -> AsyncIterator[None]:
        """Count a request that is under way as long as the block runs.

        Raises:
            LimitReachedError: too many within a minute, or at once.
            AccountsUnavailableError: nobody answers.
        """
        lease = Lease(uuid.uuid4().hex, key_name, is_websocket)
        try:
            await self._ask("open", lease, limits, self._max_websockets)
            self._leases[lease.id] = lease
            self._keep_renewing()
            yield
        finally:
            self._leases.pop(lease.id, None)
            self._tell("close", lease)

    async def charge(self, key_name: str, limits: KeyLimits, num_characters: int) -> None:
        """Count a text that is about to be spoken.

        Raises:
            LimitReachedError: the day's characters or audio seconds are used up.
            AccountsUnavailableError: nobody answers.
        """
        await self._ask("charge", key_name, limits, num_characters)

    def refund(self, key_name: str, num_characters: int) -> None:
        """Say that a text was not spoken."""
        self._tell("refund", key_name, num_characters)

    def heard(self, key_name: str, audio_s: float) -> None:
        """Say how much audio was made."""
        self._tell("heard", key_name, audio_s)

    async def _ask(self, method: str, *arguments: Any) -> None:
        try:
            with no_replica_is_refusal():
                async with asyncio.timeout(_ASK_TIMEOUT_S):
                    answer = await getattr(self._accounts, method).remote(*arguments)
        except (UnavailableError, OverloadedError, TimeoutError) as error:
            raise AccountsUnavailableError from error
        if isinstance(answer, Refused):
            raise answer.error

    def _tell(self, method: str, *arguments: Any) -> None:
        task = _start(self._deliver(method, *arguments))
        self._tasks.add(task)  # the loop itself keeps no more than a weak reference
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, method: str, *arguments: Any) -> None:
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                await getattr(self._accounts, method).remote(*arguments)
        except (RayError, RayServeException, TimeoutError) as error:
            logger.warning("Accounts was not told ({}): {}", method, type(error).__name__)

    def _keep_renewing(self) -> None:
        if self._renewing is None or self._renewing.done():
            self._renewing = _start(self._renew())

    async def _renew(self) -> None:
        while self._leases:
            await asyncio.sleep(_RENEW_S)
            if self._leases:
                await self._deliver("renew", list(self._leases.values()))


def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start ``work`` outside the request that it is about: Ray cancels a request's own calls with
    it, and the call that says that it has ended must not be among them."""
    return asyncio.create_task(work, context=Context())
