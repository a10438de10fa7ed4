"""Cross-origin resource sharing: `Cors`, whose headers are computed once at start-up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from actionhero_web.responses.origins import allowed_origin, normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero_web.responses.encoded_response import Headers

_VARY_BY_ORIGIN: Final = ("Vary", "Origin")
_WITH_CREDENTIALS: Final = ("Access-Control-Allow-Credentials", "true")
_HEADER_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,1000}", re.ASCII)


class Cors:
    """The CORS headers for each origin.

    A response to a listed origin names it, and allows credentials. `*` allows every page to read
    responses without credentials. Another origin gets no header: its request is executed, but the
    browser hides the response from the page.

    Args:
        allowed_origins: `https://app.example.com`, …, or `*`; none by default.
        allowed_methods: Methods that a page may use.
        allowed_headers: Headers that a page may send; `*` for all.
        max_age_seconds: How long a browser may cache a preflight response.
        exposed_headers: Headers of responses that a page may read.
        always_lists_methods: Whether every response has the headers for methods and headers, as
            clients of the format `actionhero` expect.

    Raises:
        ValueError: An origin is invalid; the message contains the reason.
    """

    def __init__(
        self,
        allowed_origins: Iterable[str] = (),
        allowed_methods: Sequence[str] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allowed_headers: Sequence[str] = ("Content-Type",),
        max_age_seconds: int = 7200,
        *,
        exposed_headers: Sequence[str] = (),
        always_lists_methods: bool = False,
    ) -> None:
        origins = [allowed_origin(origin) for origin in allowed_origins]
        self._any = "*" in origins
        self._listed = frozenset(origin for origin in origins if origin != "*")
        self._methods = ("Access-Control-Allow-Methods", ", ".join(allowed_methods))
        self._headers = ("Access-Control-Allow-Headers", ", ".join(allowed_headers))
        self._max_age = ("Access-Control-Max-Age", str(max_age_seconds))
        self._any_header = "*" in allowed_headers
        self._always_lists_methods = always_lists_methods
        #: Whether any response has a header.
        self.has_headers = bool(origins) or always_lists_methods
        exposed = ("Access-Control-Expose-Headers", ", ".join(exposed_headers))
        self._exposed: Headers = (exposed,) if exposed_headers else ()
        always = (self._methods, self._headers) if always_lists_methods else ()
        self._for_unlisted = always + self._unlisted_headers()
        self._for_listed = {
            origin: (*always, *_listed_headers(origin), *self._exposed)
            for origin in sorted(self._listed)
        }

    def for_response(self, origin: str | None) -> Headers:
        """Return the headers of a response.

        Args:
            origin: The `Origin` header; `None` if absent.
        """
        if origin is None:
            return self._for_unlisted
        return self._for_listed.get(origin, self._for_unlisted)

    def for_preflight(
        self, origin: str | None, requested_method: str | None, requested_headers: str | None
    ) -> Headers:
        """Return the headers of the response to an `OPTIONS` request.

        Args:
            origin: The `Origin` header.
            requested_method: `Access-Control-Request-Method`; `None` if it is not a preflight.
            requested_headers: `Access-Control-Request-Headers`.
        """
        headers = self.for_response(origin)
        is_allowed = self._any or origin in self._listed
        if origin is None or requested_method is None or not is_allowed:
            return headers
        if self._always_lists_methods:
            headers = headers[2:]
        if self._any_header and requested_headers and _HEADER_NAMES.fullmatch(requested_headers):
            allowed = ("Access-Control-Allow-Headers", requested_headers)
            vary = ("Vary", "Access-Control-Request-Headers")
            headers = (self._methods, allowed, *headers, vary)
        else:
            headers = (self._methods, self._headers, *headers)
        return headers if self._always_lists_methods else (*headers, self._max_age)

    @property
    def listed(self) -> frozenset[str]:
        """The listed origins; `*` is none."""
        return self._listed

    def origin_allowed(
        self, origin: str | None, own_origin: str, *, has_session: bool = False
    ) -> bool:
        """Return whether a page of `origin` may open a WebSocket.

        Every browser sends the header, so a client without it is not a browser, and is allowed.

        Args:
            origin: The `Origin` header; `None` if absent.
            own_origin: The origin of the server for this client: `https://example.com`.
            has_session: Whether the request has a session cookie; `*` does not allow it.
        """
        if origin is None or origin in self._listed or (self._any and not has_session):
            return True
        return normalize(origin) == normalize(own_origin)

    def _unlisted_headers(self) -> Headers:
        headers: Headers = ()
        if self._any:
            headers = (("Access-Control-Allow-Origin", "*"), *self._exposed)
        # A cache must not send this response to a listed origin. (Clients of the format
        # `actionhero` expect this header only for listed origins.)
        if self._listed and not self._always_lists_methods:
            headers = (*headers, _VARY_BY_ORIGIN)
        return headers


def _listed_headers(origin: str) -> Headers:
    return (("Access-Control-Allow-Origin", origin), _VARY_BY_ORIGIN, _WITH_CREDENTIALS)
