"""Putting together who guards the application, from its settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ray.serve.handle import DeploymentHandle
from starlette.middleware import Middleware

from access.keys import Scope
from access.live_keys import LiveKeys
from configs.app import AppConfig
from configs.environment import resolve_path
from deployments.account_client import AccountClient
from serve_app.authentication import Authenticator
from serve_app.caller import Caller
from serve_app.guard import Guard
from serve_app.meter import Meter


@dataclass(frozen=True, slots=True)
class Security:
    """Who finds out who calls, and who counts: the same for HTTP, WebSockets and gRPC."""

    authenticator: Authenticator
    meter: Meter
    public_voice_list: bool

    @classmethod
    def of(cls, config: AppConfig, accounts: DeploymentHandle[Any] | None) -> "Security":
        """Read the keys, if the service asks for any.

        Raises:
            KeyFileError: they cannot be read: the replica does not start.
        """
        auth = config.auth
        keys = LiveKeys(resolve_path(auth.keys_file)) if auth.asks_for_keys else None
        most = config.http.websockets.connections_per_key
        client = AccountClient(accounts, max_websockets=most) if accounts else None
        return cls(Authenticator(keys), Meter(client), auth.public_voice_list)

    @asynccontextmanager
    async def admitted(self, headers: Mapping[str, str], scope: Scope) -> AsyncIterator[Caller]:
        """Let a request that is no HTTP in, as long as the block runs.

        Raises:
            MissingKeyError, InvalidKeyError, ForbiddenScopeError: its key does not allow it.
            LimitReachedError, AccountsUnavailableError: its limits do not, or nobody can tell.
        """
        caller = self.authenticator.authenticate(headers)
        caller.require(scope)
        async with self.meter.admitted(caller):
            yield caller

    def guard(self) -> Middleware:
        """The middleware that lets requests in."""
        return Middleware(
            Guard,
            authenticator=self.authenticator,
            meter=self.meter,
            public_voice_list=self.public_voice_list,
        )
