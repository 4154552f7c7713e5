"""How many sockets are open, and what may come in through one."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.websockets import WebSocket

from configs.app import WebSockets
from serve_app.authentication import chosen_protocol
from serve_app.dialects import Dialect
from serve_app.errors import TooManyConnectionsError

NORMAL = 1000
_GOING_AWAY = 1001
POLICY_VIOLATION = 1008
_TOO_BIG = 1009
INTERNAL_ERROR = 1011
_TRY_LATER = 1013
"""Codes of RFC 6455, section 7.4.1, and of its registry."""


class Connections:
    """Counts the open sockets of one ingress replica."""

    def __init__(self, settings: WebSockets) -> None:
        self.settings = settings
        self._num_open = 0

    async def serve(
        self, socket: WebSocket, dialect: Dialect, serve: Callable[[], Awaitable[None]]
    ) -> None:
        """Accept ``socket`` and ``serve`` it, or tell it that all places are taken."""
        await socket.accept(chosen_protocol(socket.scope.get("subprotocols", ())))
        if self._num_open >= self.settings.max_connections:
            error = TooManyConnectionsError(self.settings.max_connections)
            await socket.send_text(json.dumps(dialect.words(error)))
            await socket.close(_TRY_LATER)
            return
        self._num_open += 1
        try:
            await serve()
        finally:
            self._num_open -= 1


async def frames(
    socket: WebSocket, settings: WebSockets, work: asyncio.Task[None], is_busy: Callable[[], bool]
) -> AsyncGenerator[str | bytes, None]:
    """Yield what the client sends until it leaves, is sent away, or ``work`` has ended.

    It is sent away when it sent more than ``max_frame_bytes`` in one frame, or nothing for
    ``idle_timeout_s`` while ``is_busy`` says that nothing is made for it either.
    """
    receiving = asyncio.ensure_future(socket.receive())
    try:
        while True:
            done, _ = await asyncio.wait(
                {receiving, work},
                timeout=settings.idle_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if work in done:
                return
            if receiving not in done:
                if is_busy():
                    continue
                await socket.close(_GOING_AWAY, "idle for too long")
                return
            message = receiving.result()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("text")
            content: str | bytes = message["bytes"] if frame is None else frame
            if len(content) > settings.max_frame_bytes:
                await socket.close(_TOO_BIG, f"more than {settings.max_frame_bytes} bytes")
                return
            yield content
            receiving = asyncio.ensure_future(socket.receive())
    finally:
        receiving.cancel()
