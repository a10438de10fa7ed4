"""Clients that stall within a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Serve


@pytest.fixture
def impatient(serve: Serve, client: HttpClient) -> HttpClient:
    """A server with timeouts of a fifth of a second."""
    return serve(
        web__header_timeout="0.2",
        web__body_idle_timeout="0.2",
        web__error_format=client.error_format,
    )


@pytest.mark.parametrize(
    "sent", [b"", b"GET /api/sta", b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n"]
)
def test_incomplete_headers_close_the_connection(impatient: HttpClient, sent: bytes) -> None:
    """Without a response."""
    assert impatient.send_bytes(sent) == b""
    assert impatient.is_alive


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na=",
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100\r\n\r\n--b\r\n",
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx',
    ],
    ids=["json", "chunked", "form", "multipart", "part"],
)
def test_a_paused_body_is_408(impatient: HttpClient, framing: bytes) -> None:
    """With our error document, and the connection is closed."""
    received = impatient.send_bytes(b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\n" + framing)

    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"CONNECTION_ACTION_TIMEOUT" in received
    assert b"The body paused for more than 0.2 s" in received
    assert b"\r\nConnection: close\r\n" in received


def test_a_slow_body_is_received(impatient: HttpClient) -> None:
    """The timeout is for pauses only."""
    body = b'{"text": "' + b"x" * 50 + b'"}'

    response = impatient.send(
        "POST", "/api/echo", (bytes((byte,)) for byte in body), {"Content-Type": "application/json"}
    )

    assert response.json == {"text": "x" * 50}
