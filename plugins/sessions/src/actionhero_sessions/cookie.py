"""The cookie by which a browser is known again: `Cookies`."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from actionhero_web import TrustedProxies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Connection
    from actionhero_sessions.settings import SessionsSettings

#: 256 bits, as base64 without what a cookie must not hold.
ID_BYTES = 32
_OURS = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
#: Browsers take a secure cookie of this name from nobody else: no sibling domain, no plain HTTP.
SECURE_PREFIX = "__Host-"


def new_id() -> str:
    """Return an identifier that nobody can guess."""
    return secrets.token_urlsafe(ID_BYTES)


class Cookies:
    """Reads the cookie of requests, and writes it on answers.

    Args:
        settings: Its name and attributes.
        production: Whether we are for strangers: then it is secure where nothing else is said.
        trusted_proxies: Whose word is taken for how a client came.
    """

    def __init__(
        self,
        settings: SessionsSettings,
        *,
        production: bool = False,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        #: Its name where nothing is said about security.
        self.plain_name = settings.cookie_name
        self._secure = True if settings.secure is None and production else settings.secure
        self._proxies = TrustedProxies(trusted_proxies)
        seconds = int(settings.ttl.total_seconds())
        self._end = f"; Path=/; HttpOnly; SameSite={settings.same_site}"
        self._lasting = f"; Max-Age={seconds}{self._end}"

    def read(self, connection: Connection) -> str:
        """Return the identifier that a request brought, empty if none has the form of ours."""
        begin = self.name(connection) + "="
        for line in connection.raw.headers.getall("Cookie", ()):
            for pair in line.split(";"):
                pair = pair.strip()
                if pair.startswith(begin) and _OURS.fullmatch(pair, len(begin)):
                    return str(pair[len(begin) :])
        return ""

    def put(self, connection: Connection, id: str) -> None:
        """Have the answer tell the browser `id`."""
        self._put(connection, id + self._lasting)

    def drop(self, connection: Connection) -> None:
        """Have the answer tell the browser to forget what it has."""
        self._put(connection, f"; Max-Age=0{self._end}")

    def withdraw(self, connection: Connection) -> None:
        """Have the answer tell the browser nothing: it keeps what it has."""
        if connection.answer_headers:
            connection.answer_headers = self._others(connection)

    def name(self, connection: Connection) -> str:
        """Return the name of the cookie, as this browser has it."""
        return SECURE_PREFIX + self.plain_name if self.is_secure(connection) else self.plain_name

    def is_secure(self, connection: Connection) -> bool:
        """Whether the cookie of this browser is for HTTPS alone."""
        if self._secure is not None:
            return self._secure
        request: Any = connection.raw
        scheme: str = request.scheme
        if self._proxies.configured:
            scheme = self._proxies.client(request.remote, scheme, request.headers).scheme
        return scheme == "https"

    def _put(self, connection: Connection, value: str) -> None:
        if connection.transport != "web":
            # Its answer is a message: there is nowhere to put a cookie.
            return
        if self.is_secure(connection):
            line = f"{SECURE_PREFIX}{self.plain_name}={value}; Secure"
        else:
            line = f"{self.plain_name}={value}"
        others = self._others(connection) if connection.answer_headers else ()
        connection.answer_headers = (*others, ("Set-Cookie", line))

    def _others(self, connection: Connection) -> tuple[tuple[str, str], ...]:
        """Return the headers of the answer but for our own."""
        begin = f"{self.name(connection)}="
        return tuple(
            header
            for header in connection.answer_headers or ()
            if not (header[0] == "Set-Cookie" and header[1].startswith(begin))
        )
