"""Counting what callers use, where their keys have limits."""

from asyncio import CancelledError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.account_client import AccountClient
from serve_app.caller import Caller


class Meter:
    """Asks Accounts for callers that have something to count; nobody else waits for it."""

    def __init__(self, accounts: AccountClient | None) -> None:
        self._accounts = accounts

    @asynccontextmanager
    async def admitted(self, caller: Caller, *, is_websocket: bool = False) -> AsyncIterator[None]:
        """Let ``caller``'s request be under way as long as the block runs.

        Raises:
            LimitReachedError: too many within a minute, or at once.
            AccountsUnavailableError: nobody can tell.
        """
        if self._accounts is None or not (caller.limits.any or is_websocket):
            yield
            return
        async with self._accounts.lease(caller.name, caller.limits, is_websocket=is_websocket):
            yield

    @asynccontextmanager
    async def charged(self, caller: Caller, num_characters: int) -> AsyncIterator[None]:
        """Charge ``caller`` for a text whose first audio the block waits for.

        A block that fails costs nothing; one whose client leaves costs what it would have.

        Raises:
            LimitReachedError: the day's characters or audio seconds are used up.
            AccountsUnavailableError: nobody can tell.
        """
        if self._accounts is None or not caller.limits.any:
            yield
            return
        await self._accounts.charge(caller.name, caller.limits, num_characters)
        try:
            yield
        except CancelledError:
            raise
        except Exception:  # whatever broke, and is told by others: nothing was spoken
            self._accounts.refund(caller.name, num_characters)
            raise

    def heard(self, caller: Caller, audio_s: float) -> None:
        """Count audio that was made for ``caller``."""
        if self._accounts is not None and caller.limits.any:
            self._accounts.heard(caller.name, audio_s)
