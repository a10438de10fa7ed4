"""`SessionCookie`: reads the session cookie from requests, and sets it on responses."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from actionhero_web import TrustedProxies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Connection
    from actionhero_sessions.settings import SessionsSettings

#: 256 bits, which are 43 characters of URL-safe base64.
ID_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
#: Browsers accept a cookie with this prefix only over HTTPS and from the host itself.
SECURE_PREFIX = "__Host-"


def new_id() -> str:
    """Return a random session identifier."""
    return secrets.token_urlsafe(ID_BYTES)


class SessionCookie:
    """The session cookie.

    Args:
        settings: The name and the attributes.
        production: Whether the cookie is secure by default.
        trusted_proxies: The proxies whose `X-Forwarded-Proto` is trusted.
    """

    def __init__(
        self,
        settings: SessionsSettings,
        *,
        production: bool = False,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        #: The name without the prefix of secure cookies.
        self.base_name = settings.cookie_name
        self._secure = True if settings.secure is None and production else settings.secure
        self._proxies = TrustedProxies(trusted_proxies)
        ttl_seconds = int(settings.ttl.total_seconds())
        self._attributes = f"; Path=/; HttpOnly; SameSite={settings.same_site}"
        self._persistent_attributes = f"; Max-Age={ttl_seconds}{self._attributes}"

    def read(self, connection: Connection) -> str:
        """Return the identifier in the request; empty if there is none of the right format."""
        prefix = self.name(connection) + "="
        for header in connection.raw.headers.getall("Cookie", ()):
            for pair in header.split(";"):
                pair = pair.strip()
                if pair.startswith(prefix) and _ID.fullmatch(pair, len(prefix)):
                    return str(pair[len(prefix) :])
        return ""

    def set(self, connection: Connection, id: str) -> None:
        """Set the cookie on the response."""
        self._add_header(connection, id + self._persistent_attributes)

    def delete(self, connection: Connection) -> None:
        """Delete the cookie of the browser with the response."""
        self._add_header(connection, f"; Max-Age=0{self._attributes}")

    def remove_header(self, connection: Connection) -> None:
        """Remove the cookie from the response: the browser keeps its cookie."""
        if connection.response_headers:
            connection.response_headers = self._other_headers(connection)

    def name(self, connection: Connection) -> str:
        """Return the name of the cookie for this client."""
        return SECURE_PREFIX + self.base_name if self.is_secure(connection) else self.base_name

    def is_secure(self, connection: Connection) -> bool:
        """Whether the cookie of this client is sent over HTTPS only."""
        if self._secure is not None:
            return self._secure
        request: Any = connection.raw
        scheme: str = request.scheme
        if self._proxies.configured:
            scheme = self._proxies.client(request.remote, scheme, request.headers).scheme
        return scheme == "https"

    def _add_header(self, connection: Connection, value: str) -> None:
        if connection.transport != "web":
            # A WebSocket message has no headers.
            return
        if self.is_secure(connection):
            header = f"{SECURE_PREFIX}{self.base_name}={value}; Secure"
        else:
            header = f"{self.base_name}={value}"
        others = self._other_headers(connection) if connection.response_headers else ()
        connection.response_headers = (*others, ("Set-Cookie", header))

    def _other_headers(self, connection: Connection) -> tuple[tuple[str, str], ...]:
        """Return the response headers without this cookie."""
        prefix = f"{self.name(connection)}="
        return tuple(
            header
            for header in connection.response_headers or ()
            if not (header[0] == "Set-Cookie" and header[1].startswith(prefix))
        )
