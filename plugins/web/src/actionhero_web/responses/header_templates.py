"""The headers of every response, precomputed."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from actionhero_web.responses.challenge import Challenge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero_web.settings import WebSettings

#: The usual spelling: header names are case-insensitive in HTTP, but not for every reader.
REQUEST_ID = "X-Request-Id"

_FRAME_SOURCES = {"DENY": "'none'", "SAMEORIGIN": "'self'"}


class HeaderTemplates:
    """The headers of all responses of one server.

    Args:
        settings: The values of the configurable headers.
        server_name: The value of `X-SERVER-NAME`.
        schemes: The schemes in `WWW-Authenticate` with their parameters, besides that of
            sessions.
    """

    def __init__(
        self,
        settings: WebSettings,
        server_name: str,
        schemes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        pairs = {
            # The default of aiohttp exposes the versions of aiohttp and Python.
            "Server": "actionhero",
            "X-SERVER-NAME": _printable(server_name),
            "Content-Security-Policy": _with_frame_ancestors(
                settings.content_security_policy, settings.frame_options
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": settings.frame_options,
            "Strict-Transport-Security": settings.strict_transport_security,
            "Referrer-Policy": settings.referrer_policy,
        }
        #: Name and value of each header of every response, without empty values.
        self.always = tuple((name, value) for name, value in pairs.items() if value)
        # A policy for frames takes precedence over `X-Frame-Options`, also over the author's own.
        framed = pairs | {"Content-Security-Policy": settings.content_security_policy}
        #: The same for responses with a header `X-Frame-Options` of their own.
        self.framed = tuple((name, value) for name, value in framed.items() if value)
        self._names = {name.lower() for name, _ in self.always} | {REQUEST_ID.lower()}
        #: The value of `WWW-Authenticate`.
        self.challenge = Challenge(_printable(server_name), schemes)
        self._always_encoded = _encode(self.always)
        self._cache: dict[int, bytes] = {}
        self._second = 0

    def json(self, status: int) -> bytes:
        """Return status line and headers of a JSON response, up to the value of `X-Request-Id`."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._cache.clear()
        head = self._cache.get(status)
        if head is None:
            head = self._cache[status] = self._render(status, second)
        return head

    def has_any(self, headers: Iterable[tuple[str, str]]) -> bool:
        """Return whether any of `headers` takes the place of one of every response."""
        return not self._names.isdisjoint(name.lower() for name, _ in headers)

    def _render(self, status: int, second: int) -> bytes:
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = ""
        return b"".join(
            (
                f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n".encode(),
                self._always_encoded,
                f"Date: {formatdate(second, usegmt=True)}\r\n{REQUEST_ID}: ".encode(),
            )
        )


def _encode(pairs: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode()


def _with_frame_ancestors(policy: str, frame_options: str) -> str:
    """Add the directive that corresponds to `X-Frame-Options`, unless the policy has it."""
    source = _FRAME_SOURCES.get(frame_options.upper())
    if not policy or source is None or "frame-ancestors" in policy.lower():
        return policy
    return f"{policy.rstrip('; ')}; frame-ancestors {source}"


def _printable(text: str) -> str:
    """Return `text` as a valid header value: a line end in a setting must not inject headers."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
