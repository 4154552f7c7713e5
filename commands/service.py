"""A running service, as the commands reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from commands.errors import CommandError

_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 300.0


class Service:
    """Sends requests; whatever is not a success becomes a ``CommandError`` in words."""

    def __init__(self, url: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        try:
            self._client = httpx.Client(base_url=url, headers=headers, timeout=timeout)
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise CommandError(f"{url!r} is no address, or the key no key: {error}") from error
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """Send a request and return its JSON answer."""
        with self._said():
            response = self._client.request(method, path, **content)
            _check(response)
            return dict(response.json())

    @contextmanager
    def stream(self, path: str, **content: Any) -> Iterator[httpx.Response]:
        """Post a request; the answer's body is still to be read inside the block."""
        with self._said(), self._client.stream("POST", path, **content) as response:
            if response.is_error:
                response.read()
            _check(response)
            yield response

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise CommandError(
                f"nothing answers at {self._url}; start the service (cosyvoice-mms serve) "
                "or name another with --url"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise CommandError(f"{self._url} broke off: {error}") from error


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    words = _message(response)
    if response.status_code in (401, 403):
        words += " (set TTS_API_KEY, or use --key)"
    elif wait := response.headers.get("retry-after"):
        words += f" (try again in {wait} s)"
    raise CommandError(f"{response.status_code}: {words}")


def _message(response: httpx.Response) -> str:
    """The sentence in an error body of any of the service's families."""
    try:
        body = response.json()
    except ValueError:
        return response.text or response.reason_phrase
    if not isinstance(body, dict):
        return str(body)
    error = body.get("error", body.get("detail", body))
    return str(error.get("message", error) if isinstance(error, dict) else error)
