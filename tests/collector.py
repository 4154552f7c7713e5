"""A collector of OpenTelemetry for tests: takes OTLP over HTTP and keeps the spans."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Listens on loopback while the ``with`` block runs.

    ``hold`` makes it slow: it takes what comes, and answers nothing before ``release``.
    """

    def __init__(self, port=0):
        self.bodies = []
        self.headers = []
        self.was_asked = threading.Event()
        self._may_answer = threading.Event()
        self._may_answer.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.headers.append((self.path, self.headers))
                collector.was_asked.set()
                collector._may_answer.wait(60)
                collector.bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hold(self):
        self._may_answer.clear()

    def release(self):
        self._may_answer.set()

    def spans(self):
        """All that came, as they were read from the wire."""
        return [
            _seen(span, resource.resource)
            for body in list(self.bodies)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def _seen(span, resource):
    return SimpleNamespace(
        name=span.name,
        trace_id=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        is_error=span.status.code == 2,
        attributes=_values(span.attributes),
        events={event.name: _values(event.attributes) for event in span.events},
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        resource=_values(resource.attributes),
    )


def _values(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
