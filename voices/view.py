"""What one replica knows of the voice store."""

import asyncio
import time

from voices.errors import VoiceStoreError
from voices.index import VoiceIndex
from voices.store import VoiceStore

_PATIENCE_S = 0.5
"""How long a request waits for a store that is slow before it makes do with an older view."""


class VoiceView:
    """The store's index, listed anew at most once in ``refresh_s`` and only when asked for.

    A store that is slow or does not answer makes the view older, but holds nobody up for long.
    For one event loop.
    """

    def __init__(self, store: VoiceStore, refresh_s: float) -> None:
        self._store = store
        self._refresh_s = refresh_s
        self._listed_at = -float("inf")
        self._listing: asyncio.Task[None] | None = None
        self.index = VoiceIndex()

    async def refresh(self, *, now: bool = False) -> VoiceIndex:
        """Return the index, listed anew if it is older than ``refresh_s`` or must be of ``now``.

        Raises:
            VoiceStoreError: it must be of now, and the store does not answer.
        """
        if now:
            started = time.monotonic()
            self._take(await asyncio.to_thread(self._store.index), started)
        elif time.monotonic() - self._listed_at >= self._refresh_s:
            if self._listing is None or self._listing.done():
                self._listing = asyncio.create_task(self._list())
            await asyncio.wait([self._listing], timeout=_PATIENCE_S)
        return self.index

    async def _list(self) -> None:
        started = time.monotonic()
        try:
            self._take(await asyncio.to_thread(self._store.index), started)
        except VoiceStoreError:
            self._listed_at = started  # the view grows old; the next try comes when it is due

    def _take(self, index: VoiceIndex, started: float) -> None:
        if started >= self._listed_at:
            self.index, self._listed_at = index, started
