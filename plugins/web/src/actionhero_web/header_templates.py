"""The heads of answers: the headers that are on every one of them, made beforehand."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero_web.settings import WebSettings

#: Browsers and proxies read this spelling; what HTTP compares without case, people do not.
REQUEST_ID = "X-Request-Id"


class HeaderTemplates:
    """The heads of all answers of one server.

    Args:
        settings: Which headers there are.
        server_name: The value of `X-SERVER-NAME`.
    """

    def __init__(self, settings: WebSettings, server_name: str) -> None:
        pairs = {
            # Else aiohttp tells its version and Python's to everybody.
            "Server": "actionhero",
            "X-SERVER-NAME": _one_line(server_name),
            "Content-Security-Policy": settings.content_security_policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": settings.frame_options,
            "Strict-Transport-Security": settings.strict_transport_security,
            "Referrer-Policy": settings.referrer_policy,
        }
        #: Name and value of each header that is on every answer. An empty one is left out.
        self.always = tuple((name, value) for name, value in pairs.items() if value)
        self._always = _lines(self.always)
        self._made: dict[int, bytes] = {}
        self._second = 0

    def json(self, status: int) -> bytes:
        """Return the head of a JSON answer, up to where the value of `X-Request-Id` goes."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._made.clear()
        head = self._made.get(status)
        if head is None:
            head = self._made[status] = self._make(status, second)
        return head

    def _make(self, status: int, second: int) -> bytes:
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = ""
        return b"".join(
            (
                f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n".encode(),
                self._always,
                f"Date: {formatdate(second, usegmt=True)}\r\n{REQUEST_ID}: ".encode(),
            )
        )


def _lines(pairs: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode()


def _one_line(text: str) -> str:
    """Return `text` as a header can hold it: a name from settings must not end the head."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
