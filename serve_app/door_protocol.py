"""HTTP connections that may not dawdle. uvicorn bounds neither the time nor the size of a head."""

from asyncio import Transport
from asyncio.events import TimerHandle
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from configs.door import DoorSettings

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\n"
_END = b"content-length: 0\r\nconnection: close\r\n\r\n"


class HeadTooLargeError(ValueError):
    """Raised into uvicorn's parser, which then answers 400 and closes."""


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, with a deadline and a size for heads and a bound of connections."""

    settings: ClassVar[DoorSettings] = DoorSettings()

    _head_timer: TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, unless there are too many who do."""
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            self._hang_up(_TOO_MANY)
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and count it while the head is not complete."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._head_timer is not None:  # what came was not yet a whole head
            self._head_bytes += len(data)
            if self._head_bytes > self.settings.max_head_bytes:
                self._hang_up(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head, on a connection that is used again."""
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Wait no longer; a head that came in one piece is measured now."""
        self._stop_waiting()
        num_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if num_bytes > self.settings.max_head_bytes:
            raise HeadTooLargeError
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Go on as a WebSocket, whose messages have a bound."""
        self.config.ws_max_size = self.settings.max_websocket_message_bytes
        super().handle_websocket_upgrade()

    def _await_head(self) -> None:
        self._head_bytes = 0
        timeout_s = self.settings.head_timeout_s
        self._head_timer = self.loop.call_later(timeout_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _hang_up(self, status: bytes) -> None:
        self._stop_waiting()
        self.transport.write(status + _END)
        self.transport.close()
