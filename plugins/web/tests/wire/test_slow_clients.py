"""Clients that begin a request, and then do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Door, Serve


@pytest.fixture
def impatient(serve: Serve, door: Door) -> Door:
    """A server that waits for a fifth of a second, where others wait for many."""
    return serve(
        web__header_timeout="0.2", web__body_idle_timeout="0.2", web__error_format=door.profile
    )


@pytest.mark.parametrize("sent", [b"", b"GET /api/sta", b"GET /api/status HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(impatient: Door, sent: bytes) -> None:
    """There is nobody to answer yet."""
    assert impatient.raw(sent) == b""
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
def test_a_body_that_pauses_for_too_long_is_408(impatient: Door, framing: bytes) -> None:
    """In the envelope, and the connection ends."""
    received = impatient.raw(b"POST /api/echo HTTP/1.1\r\nHost: x\r\n" + framing)

    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"CONNECTION_ACTION_TIMEOUT" in received
    assert b"The body paused for more than 0.2 s" in received
    assert b"\r\nConnection: close\r\n" in received


def test_a_body_that_comes_slowly_is_read(impatient: Door) -> None:
    """As long as it comes: only a pause is counted."""
    body = b'{"text": "' + b"x" * 50 + b'"}'

    answer = impatient.send(
        "POST", "/api/echo", (bytes((byte,)) for byte in body), {"Content-Type": "application/json"}
    )

    assert answer.json == {"text": "x" * 50}
