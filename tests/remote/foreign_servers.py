"""Servers that are not, or not completely, servers of ActionHero."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping


class Reply(NamedTuple):
    """A response."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    #: Close the connection after half of the body.
    truncated: bool = False


class ForeignServer:
    """A server with fixed replies by path.

    Args:
        replies: The replies; for other paths, 404 with HTML.
        context: For TLS.
    """

    def __init__(self, replies: Mapping[str, Reply], context: ssl.SSLContext | None = None) -> None:
        #: The requests: method, path and headers.
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.requests.append((self.command, self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                reply = replies.get(path, Reply(404, b"<h1>Not found</h1>", "text/html"))
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(
                    reply.body[: len(reply.body) // 2] if reply.truncated else reply.body
                )
                self.close_connection = self.close_connection or reply.truncated

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                """Write nothing."""

        class QuietServer(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Ignore clients that refuse the certificate."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def run(self) -> Iterator[ForeignServer]:
        """Serve in a thread."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def document(**paths: Any) -> Reply:
    """Return an OpenAPI document with one action, `book:show`, at `GET /show`."""
    operation = {
        "summary": "book:show",
        "operationId": "book:show",
        "description": "Show the book.",
        "responses": {"200": {"description": "", "content": {"application/json": {}}}},
    }
    content = {
        "openapi": "3.1.0",
        "info": {"title": "Book"},
        "paths": {"/show": {"get": operation}},
    }
    return Reply(body=json.dumps({**content, **paths}).encode())


def error(type_: str, message: str = "It failed") -> bytes:
    """Return an error document."""
    return json.dumps({"error": {"message": message, "type": type_, "timestamp": 1}}).encode()
