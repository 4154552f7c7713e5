"""Forgetting voices that were deleted, whoever deleted them and wherever."""

import asyncio
from collections.abc import Callable, Collection
from contextvars import Context

from voices.errors import VoiceStoreError
from voices.store import VoiceStore


class DeletionWatch:
    """Looks at the store while a cache holds something of its voices, and empties the cache.

    A replica that holds nothing of them asks nothing of the store.

    Args:
        store: where voices are registered and deleted.
        interval_s: between two looks.
        cached: keys that the cache holds; those of stored voices are their ids.
        forget: discards the cache's value of a key.
    """

    def __init__(
        self,
        store: VoiceStore,
        interval_s: float,
        cached: Callable[[], Collection[str]],
        forget: Callable[[str], None],
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._cached = cached
        self._forget = forget
        self._held: set[str] = set()
        self._watching: asyncio.Task[None] | None = None

    def hold(self, voice_id: str) -> None:
        """Say that the cache holds this voice; to be called after it was put there.

        A deletion while a voice was being made is noticed for that reason, too.
        """
        self._held.add(voice_id)
        if self._watching is None or self._watching.done():
            # Of no request, whose id its log lines would carry.
            self._watching = asyncio.create_task(self._watch(), context=Context())

    async def _watch(self) -> None:
        while self._held:
            await asyncio.sleep(self._interval_s)
            try:
                index = await asyncio.to_thread(self._store.index)
            except VoiceStoreError:
                continue  # it was logged where it happened
            self._held.intersection_update(self._cached())
            for voice_id in self._held - index.live.keys():
                self._forget(voice_id)
                self._held.discard(voice_id)
