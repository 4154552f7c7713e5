"""The Accounts deployment: one replica that counts what keys use, for all Ingress replicas."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from loguru import logger

from access.atomic_file import write_atomically
from access.errors import LimitReachedError
from access.keys import KeyLimits
from access.ledger import DailyUse, Lease, Ledger
from configs.app import Auth, Logging
from configs.environment import resolve_path
from deployments.logs import start_logging
from deployments.messages import Refused

_SAVE_S = 5.0
"""Longest time whose use a crash forgets."""


class Accounts:
    """The body of the ``Accounts`` deployment. It must have one replica, or each counts alone."""

    def __init__(self, auth: Auth, logging: Logging) -> None:
        start_logging(logging, "Accounts")
        self._ledger = Ledger()
        self._file = resolve_path(auth.usage_file) if auth.usage_file else None
        self._saver: asyncio.Task[None] | None = None
        if self._file:
            self._ledger.restore(_read(self._file))

    async def open(self, lease: Lease, limits: KeyLimits, max_websockets: int) -> Refused | None:
        """Count a request and take its lease."""
        try:
            self._ledger.open(lease, limits, max_websockets)
        except LimitReachedError as error:
            return Refused(error)
        return None

    async def renew(self, leases: list[Lease]) -> None:
        """Prolong leases."""
        self._ledger.renew(leases)

    async def close(self, lease: Lease) -> None:
        """End a lease."""
        self._ledger.close(lease)

    async def charge(self, key_name: str, limits: KeyLimits, num_characters: int) -> Refused | None:
        """Count a text that is about to be spoken."""
        try:
            self._ledger.charge(key_name, limits, num_characters)
        except LimitReachedError as error:
            return Refused(error)
        self._save_soon()
        return None

    async def refund(self, key_name: str, num_characters: int) -> None:
        """Take back what a text that was not spoken was charged."""
        self._ledger.refund(key_name, num_characters)

    async def heard(self, key_name: str, audio_s: float) -> None:
        """Count audio that was made."""
        self._ledger.heard(key_name, audio_s)
        self._save_soon()

    def _save_soon(self) -> None:
        if self._file and (self._saver is None or self._saver.done()):
            self._saver = asyncio.create_task(self._save(self._file))

    async def _save(self, file: Path) -> None:
        await asyncio.sleep(_SAVE_S)
        uses = {name: asdict(use) for name, use in self._ledger.daily_use().items()}
        try:
            await asyncio.to_thread(write_atomically, file, json.dumps(uses))
        except OSError as error:
            logger.error("the day's use is not kept: {}", error)


def _read(file: Path) -> dict[str, DailyUse]:
    """What was used before this replica started.

    A file that cannot be read starts the day anew, and says so: who pays would rather speak.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {name: DailyUse(**use) for name, use in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.error("{} is not read, the day's use begins anew: {}", file, type(error).__name__)
        return {}
