"""Which pages of other origins may read our answers: `Cors`, worked out once at start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero_web.error_mapping import ErrorFormat

Headers: TypeAlias = tuple[tuple[str, str], ...]

_VARY_BY_ORIGIN: Final = ("Vary", "Origin")
_WITH_CREDENTIALS: Final = ("Access-Control-Allow-Credentials", "true")
_HEADER_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,1000}", re.ASCII)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


class Cors:
    """The headers for each origin that may ask.

    A listed origin is named in the answer, which then may be used with cookies. `*` lets every page
    read what a visitor without cookies would see. An origin that is not listed gets no header; its
    request is answered all the same, and the browser keeps the answer from the page.

    Args:
        allowed_origins: `https://app.example.com`, …, or `*`; none by default.
        allowed_methods: Methods that a page may use.
        allowed_headers: Headers that a page may send; `*` for whichever it asks for.
        max_age_seconds: How long a browser may keep the answer to a preflight.
        profile: In `actionhero` methods and headers are told on every answer, asked or not.

    Raises:
        ValueError: What is given as an origin is none; the message says why.
    """

    def __init__(
        self,
        allowed_origins: Iterable[str] = (),
        allowed_methods: Sequence[str] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allowed_headers: Sequence[str] = ("Content-Type",),
        max_age_seconds: int = 7200,
        *,
        profile: ErrorFormat = "standard",
    ) -> None:
        origins = [_checked_origin(origin) for origin in allowed_origins]
        self._any = "*" in origins
        self._listed = frozenset(origin for origin in origins if origin != "*")
        self._methods = ("Access-Control-Allow-Methods", ", ".join(allowed_methods))
        self._headers = ("Access-Control-Allow-Headers", ", ".join(allowed_headers))
        self._max_age = ("Access-Control-Max-Age", str(max_age_seconds))
        self._any_header = "*" in allowed_headers
        self._told_always = profile == "actionhero"
        always = (self._methods, self._headers) if self._told_always else ()
        self._for_others = always + self._origin_headers_of_others()
        # Made here, so that no answer has to make its own.
        self._for_listed = {
            origin: (*always, *_reflected(origin)) for origin in sorted(self._listed)
        }

    def for_response(self, origin: str | None) -> Headers:
        """Return the headers of an answer.

        Args:
            origin: The `Origin` header; `None` where there is none.
        """
        if origin is None:
            return self._for_others
        return self._for_listed.get(origin, self._for_others)

    def for_preflight(
        self, origin: str | None, requested_method: str | None, requested_headers: str | None
    ) -> Headers:
        """Return the headers of the answer to an `OPTIONS` request.

        Args:
            origin: The `Origin` header.
            requested_method: `Access-Control-Request-Method`; without it this is no preflight.
            requested_headers: `Access-Control-Request-Headers`.
        """
        headers = self.for_response(origin)
        is_allowed = self._any or origin in self._listed
        if origin is None or requested_method is None or not is_allowed:
            return headers
        if self._told_always:
            headers = headers[2:]
        if self._any_header and requested_headers and _HEADER_NAMES.fullmatch(requested_headers):
            allowed = ("Access-Control-Allow-Headers", requested_headers)
            vary = ("Vary", "Access-Control-Request-Headers")
            headers = (self._methods, allowed, *headers, vary)
        else:
            headers = (self._methods, self._headers, *headers)
        return headers if self._told_always else (*headers, self._max_age)

    def origin_allowed(self, origin: str | None, own_origin: str) -> bool:
        """Tell whether a WebSocket may be opened from a page of `origin`.

        No browser leaves the header out, so who does is none and is let in. Where `*` is allowed
        every page is; a session cookie that is `SameSite` stays behind when a foreign one asks.

        Args:
            origin: The `Origin` header; `None` where there is none.
            own_origin: The server's own, as this client sees it: `https://example.com`.
        """
        if origin is None or self._any or origin in self._listed:
            return True
        return _normal(origin) == _normal(own_origin)

    def _origin_headers_of_others(self) -> Headers:
        headers: Headers = (("Access-Control-Allow-Origin", "*"),) if self._any else ()
        # A cache must not give this answer to an origin that would have got another. (Clients of
        # profile `actionhero` expect no such header unless they are listed.)
        if self._listed and not self._told_always:
            headers = (*headers, _VARY_BY_ORIGIN)
        return headers


def _reflected(origin: str) -> Headers:
    return (("Access-Control-Allow-Origin", origin), _VARY_BY_ORIGIN, _WITH_CREDENTIALS)


def _checked_origin(text: str) -> str:
    origin = text.strip().removesuffix("/").lower()
    if origin == "*":
        return origin
    if origin == "null":
        raise ValueError(
            "the origin 'null' cannot be allowed: every sandboxed page and local file has it; "
            "remove it"
        )
    try:
        scheme, host, path, query, fragment = urlsplit(origin)
    except ValueError:
        scheme = host = path = query = fragment = ""
    odd = path or query or fragment or "*" in host or "@" in host
    if not scheme or not host or odd or not origin.isascii() or not origin.isprintable():
        raise ValueError(
            f"the origin {text!r} is not a scheme and a host, perhaps with a port; "
            "write 'https://app.example.com', or '*' for all"
        )
    return _normal(origin)


def _normal(origin: str) -> str:
    """Return an origin as browsers write it: in small letters, without the usual port."""
    origin = origin.lower()
    scheme, _, _ = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return origin.removesuffix(port) if port is not None else origin
