"""What the door allows each connection. It is in Ray's proxies, which read no profile."""

from pydantic import Field

from configs.strict import StrictModel

MEBIBYTE = 1024 * 1024


class DoorSettings(StrictModel):
    """Bounds of one proxy, by environment variables: ``DOOR_HEAD_TIMEOUT_S`` and so on."""

    head_timeout_s: float = Field(default=10.0, gt=0)
    """A connection that has not sent a request's head so long after its first byte, or after it
    was opened, is closed."""
    max_head_bytes: int = Field(default=32 * 1024, ge=1024)
    """Largest request line and headers together."""
    body_timeout_s: float = Field(default=120.0, gt=0)
    """A body that is not complete so long after its head is refused (408)."""
    max_body_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    """Largest body or gRPC message, whatever a profile allows (413)."""
    max_websocket_message_bytes: int = Field(default=16 * MEBIBYTE, gt=0)
    """Largest WebSocket message, whatever a profile allows; a longer one closes it (1009)."""
    max_connections: int = Field(default=2_000, gt=0)
    """Connections at once; further ones are closed as soon as they are opened."""
    grpc_host: str = "[::]"
    """The address that gRPC listens on. Ray itself knows none but all addresses."""
