"""The door, in this process: what takes too long to show on a running service."""

import asyncio

import grpc
import pytest
import ray.serve._private.default_impl as ray_defaults
import ray.serve._private.grpc_util as ray_grpc
import uvicorn.config
from starlette.responses import PlainTextResponse
from uvicorn.config import Config
from uvicorn.server import ServerState

from configs.door import DoorSettings
from serve_app.door import Door, proxy_middlewares
from serve_app.door_protocol import DoorProtocol

SCOPE = {"type": "http", "method": "POST", "path": "/v1/audio/speech", "query_string": b""}


async def knock(messages, *, headers=(), pause_s=0.0, **settings):
    """Send the door a request in pieces; return what it let through and what it answered."""
    seen = {"body": b"", "headers": None}
    answer = []
    pieces = iter(messages)

    async def app(scope, receive, send):
        """Like Ray's proxy: says nothing to a client that has left."""
        seen["headers"] = scope["headers"]
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            seen["body"] += message.get("body", b"")
            if not message.get("more_body"):
                await PlainTextResponse("fine")(scope, receive, send)
                return

    async def receive():
        await asyncio.sleep(pause_s)
        return next(pieces)

    async def send(message):
        answer.append(message)

    scope = SCOPE | {"headers": list(headers)}
    await Door(app, DoorSettings(**settings))(scope, receive, send)
    return seen, answer


def body(data, *, more=False):
    return {"type": "http.request", "body": data, "more_body": more}


async def test_what_is_within_bounds_passes():
    seen, answer = await knock([body(b"ab", more=True), body(b"cd")])
    assert seen["body"] == b"abcd"
    assert answer[0]["status"] == 200


async def test_a_body_that_does_not_end_in_time_is_refused():
    never = [body(b"a", more=True)] * 1_000
    _, answer = await knock(never, pause_s=0.01, body_timeout_s=0.1)
    assert answer[0]["status"] == 408
    assert (b"connection", b"close") in answer[0]["headers"]
    assert b"0.1 s" in answer[1]["body"]


async def test_a_body_that_stops_coming_is_refused():
    _, answer = await knock([body(b"a", more=True)], pause_s=3600, body_timeout_s=0.1)
    assert answer[0]["status"] == 408


async def test_a_body_without_end_is_refused():
    seen, answer = await knock([body(b"a" * 60, more=True)] * 1_000, max_body_bytes=100)
    assert answer[0]["status"] == 413
    assert len(seen["body"]) <= 100


async def test_the_application_never_sees_what_ray_obeys():
    harmless = (b"host", b"a")
    seen, _ = await knock([body(b"")], headers=[harmless, (b"x-request-timeout-seconds", b"0")])
    assert seen["headers"] == [harmless]


class Transport(asyncio.Transport):
    """Remembers what was written, and whether it was closed."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.closed = asyncio.Event()

    def write(self, data):
        self.written += data

    def close(self):
        self.closed.set()

    def is_closing(self):
        return self.closed.is_set()

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


async def app(scope, receive, send):
    await PlainTextResponse("fine")(scope, receive, send)


@pytest.fixture
def connect(monkeypatch):
    """Open connections to the door's protocol."""
    state = ServerState()

    def run(**settings):
        monkeypatch.setattr(DoorProtocol, "settings", DoorSettings(**settings))
        protocol = DoorProtocol(Config(app), state, {})
        transport = Transport()
        protocol.connection_made(transport)
        return protocol, transport

    return run


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"


async def test_a_head_that_never_ends_is_hung_up_on(connect):
    for sent in (b"", HEAD):
        protocol, transport = connect(head_timeout_s=0.05)
        protocol.data_received(sent) if sent else None
        await asyncio.wait_for(transport.closed.wait(), 60)
        assert transport.written == b""


async def test_a_second_head_has_its_deadline_too(connect):
    protocol, transport = connect(head_timeout_s=0.05)
    protocol.data_received(HEAD + b"\r\n")
    await asyncio.wait_for(asyncio.gather(*protocol.tasks), 60)
    assert b"200 OK" in transport.written
    protocol.data_received(HEAD)
    await asyncio.wait_for(transport.closed.wait(), 60)


async def test_a_head_in_time_is_not_hung_up_on(connect):
    protocol, transport = connect(head_timeout_s=0.05)
    protocol.data_received(HEAD + b"\r\n")
    await asyncio.sleep(0.2)
    assert not transport.is_closing()
    protocol.connection_lost(None)


async def test_a_head_that_grows_is_refused(connect):
    protocol, transport = connect(max_head_bytes=2_000)
    protocol.data_received(HEAD)
    for _ in range(10):
        protocol.data_received(b"X-More: " + b"a" * 300 + b"\r\n")
    assert transport.written.startswith(b"HTTP/1.1 431")
    assert transport.is_closing()


async def test_a_large_head_in_one_piece_is_refused(connect):
    protocol, transport = connect(max_head_bytes=2_000)
    protocol.data_received(HEAD + b"X-More: " + b"a" * 3_000 + b"\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 400")
    assert transport.is_closing()
    assert not protocol.tasks


async def test_too_many_connections_are_closed(connect):
    kept = [connect(max_connections=2) for _ in range(2)]
    _, transport = connect(max_connections=2)
    assert transport.written.startswith(b"HTTP/1.1 503")
    assert transport.is_closing()
    for protocol, other in kept:
        assert not other.is_closing()
        protocol.connection_lost(None)


@pytest.fixture
def fitted_proxy(monkeypatch):
    """This process, fitted like a proxy of Ray's; afterwards it is as it was."""
    options = list(ray_grpc.DEFAULT_GRPC_SERVER_OPTIONS)
    monkeypatch.setattr(DoorProtocol, "settings", DoorSettings())
    monkeypatch.setattr(ray_defaults, "add_grpc_address", ray_defaults.add_grpc_address)
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", "")
    monkeypatch.setenv("DOOR_MAX_BODY_BYTES", "1000000")
    monkeypatch.setenv("DOOR_GRPC_HOST", "::1")
    yield proxy_middlewares()
    ray_grpc.DEFAULT_GRPC_SERVER_OPTIONS[:] = options


async def test_a_grpc_message_that_is_too_large_is_refused(fitted_proxy):
    server = grpc.aio.server(options=ray_grpc.DEFAULT_GRPC_SERVER_OPTIONS)

    async def answer(request, _):
        return request[:1]

    handler = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("a", {"b": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/a/b")
            assert await call(bytes(900_000), timeout=60) == b"\0"
            with pytest.raises(grpc.RpcError) as caught:
                await call(bytes(70_000_000), timeout=60)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        await server.stop(None)


def test_grpc_listens_where_it_is_told(fitted_proxy):
    class Server:
        def add_insecure_port(self, address):
            self.address = address

    server = Server()
    ray_defaults.add_grpc_address(server, "[::]:50000")
    assert server.address == "[::1]:50000"
    assert uvicorn.config.HTTP_PROTOCOLS["auto"].endswith(":DoorProtocol")
    assert [middleware.cls for middleware in fitted_proxy] == [Door]
