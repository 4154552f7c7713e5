"""The guard: nobody comes in whose key does not allow what he asks for, or whose limits forbid it.

It stands inside CORS, so that preflights, which carry no key, pass, and outside everything else,
so that not a byte of a body is read for somebody who may not send it.
"""

from contextlib import AsyncExitStack
from functools import partial

from loguru import logger
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from access.errors import LimitReachedError
from deployments.account_client import AccountsUnavailableError
from serve_app.authentication import Authenticator
from serve_app.caller import PUBLIC, Caller
from serve_app.dialects import answer_error, route_path
from serve_app.endpoints import scope_for
from serve_app.errors import (
    ForbiddenHeaderError,
    ForbiddenScopeError,
    InvalidKeyError,
    MissingKeyError,
)
from serve_app.meter import Meter
from serve_app.proxy_headers import DANGEROUS
from serve_app.request_headers import request_id_of

_REFUSALS = (
    AccountsUnavailableError,
    ForbiddenHeaderError,
    ForbiddenScopeError,
    InvalidKeyError,
    LimitReachedError,
    MissingKeyError,
)


class Guard:
    """ASGI middleware for HTTP and WebSockets; leaves the ``Caller`` in the connection's state, and
    how to find him again."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticator: Authenticator,
        meter: Meter,
        public_voice_list: bool,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._meter = meter
        self._public_voice_list = public_voice_list

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the connection on, or answer 400, 401, 403, 429 or 503."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        async with AsyncExitStack() as stack:
            stack.enter_context(logger.contextualize(request_id=request_id_of(connection)))
            try:
                caller = self._caller(connection)
                is_websocket = scope["type"] == "websocket"
                admitted = self._meter.admitted(caller, is_websocket=is_websocket)
                await stack.enter_async_context(admitted)
            except _REFUSALS as error:
                logger.debug("refused: {}", type(error).__name__)
                await answer_error(connection, error)(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
            scope["state"]["find_caller"] = partial(self._caller, connection)
            await self._app(scope, receive, send)

    def _caller(self, connection: HTTPConnection) -> Caller:
        _check_headers(connection.headers)
        scope = scope_for(
            connection.scope.get("method", "GET"),
            route_path(connection),
            public_voice_list=self._public_voice_list,
        )
        if scope is None:
            return PUBLIC
        caller = self._authenticator.authenticate(connection.headers)
        caller.require(scope)
        return caller


def _check_headers(headers: Headers) -> None:
    """Refuse what Ray's proxy has obeyed already, because nobody took it away at the door."""
    for name in DANGEROUS:
        if name in headers:
            raise ForbiddenHeaderError(name)
