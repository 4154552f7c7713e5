"""The door: what stands before Ray Serve's proxy, in the proxy's own process.

The proxy obeys some headers and buffers bodies before the application sees a request, so this
cannot be done further inside. Ray calls ``proxy_middlewares`` when a proxy starts, if it finds
``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serve_app.door:proxy_middlewares`` in its environment:
``make run`` sees to that; on a cluster, set it on every node before Ray starts. In HAProxy mode Ray
does the same in each Ingress replica, which then listens itself.
"""

import asyncio
from typing import Any

import ray.serve._private.constants as ray_constants
import ray.serve._private.default_impl as ray_defaults
import uvicorn.config
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configs.door import DoorSettings
from configs.environment import read_door
from serve_app.dialects import answer_error
from serve_app.door_protocol import DoorProtocol
from serve_app.errors import BodyTimeoutError, BodyTooLargeError
from serve_app.proxy_headers import clean

_MAX_CALLS_PER_CONNECTION = 100
"""Of gRPC, which HTTP/2 lets run side by side."""


def proxy_middlewares() -> list[Middleware]:
    """Fit this process, a proxy that is about to listen, with the door."""
    settings = read_door()
    DoorProtocol.settings = settings
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{DoorProtocol.__module__}:{DoorProtocol.__name__}"
    _bound_grpc(settings)
    return [Middleware(Door, settings=settings)]


class Door:
    """ASGI middleware: takes away what clients may not say; bounds bodies in size and time."""

    def __init__(self, app: ASGIApp, settings: DoorSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on; answer 408 or 413 to a body that is too slow or too large."""
        if scope["type"] in ("http", "websocket"):
            scope["headers"] = clean(scope["headers"])
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._settings)
        answer = _Answer(send, body)
        await self._app(scope, body.receive, answer.send)
        if body.refusal and not answer.has_started:
            refused = answer_error(HTTPConnection(scope), body.refusal)
            refused.headers["connection"] = "close"
            await refused(scope, receive, send)


class _Body:
    """A request's body on its way in. Once it is refused, its client counts as gone."""

    def __init__(self, receive: Receive, settings: DoorSettings) -> None:
        self._receive = receive
        self._settings = settings
        self._deadline = asyncio.get_running_loop().time() + settings.body_timeout_s
        self._num_bytes = 0
        self._is_complete = False
        self.refusal: Exception | None = None

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(BodyTimeoutError(self._settings.body_timeout_s))
        self._num_bytes += len(message.get("body", b""))
        if self._num_bytes > self._settings.max_body_bytes:
            return self._refuse(BodyTooLargeError(self._settings.max_body_bytes))
        self._is_complete = not message.get("more_body", False)
        return message

    def _refuse(self, error: Exception) -> Message:
        self._is_complete = True
        self.refusal = error
        return {"type": "http.disconnect"}


class _Answer:
    """The answer on its way out; what the proxy says to a client that it takes for gone is not."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.has_started = False

    async def send(self, message: Message) -> None:
        if self._body.refusal and not self.has_started:
            return
        self.has_started = True
        await self._send(message)


def _bound_grpc(settings: DoorSettings) -> None:
    """Ray listens on all addresses, and takes messages of 2 GiB from whoever sends them."""
    ray_constants.DEFAULT_GRPC_SERVER_OPTIONS[:] = [  # the list that Ray's server is made with
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        ("grpc.max_concurrent_streams", _MAX_CALLS_PER_CONNECTION),
    ]
    host = settings.grpc_host
    literal = f"[{host}]" if ":" in host and not host.startswith("[") else host

    def add_address(grpc_server: Any, server_address: str) -> None:
        grpc_server.add_insecure_port(f"{literal}:{server_address.rpartition(':')[2]}")

    ray_defaults.add_grpc_address = add_address
