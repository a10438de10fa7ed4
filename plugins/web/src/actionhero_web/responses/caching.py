"""`Cache`: how browsers and proxies may store the response of a route. It imports no server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

#: A length of time; a number is in seconds, as in the header.
Age: TypeAlias = timedelta | int

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
#: Other caches than that of the client do not store or do not reuse such responses.
_NOT_SHARED = frozenset({"private", "no-store", "no-cache"})
#: The headers of the usual response to a signed-in client, one without other headers.
SIGNED_IN_HEADERS: Final = (("Cache-Control", "no-store"), ("Vary", "Cookie"))


@dataclass(frozen=True, slots=True)
class Cache:
    """How the successful responses of a route are cached (RFC 9111).

    Args:
        max_age: How long a response is fresh. `None`: it is revalidated before each use.
        public: Whether shared caches, such as a CDN, may store it. The result must be the same for
            all clients. A response with a cookie, and one to a signed-in client, is always private.
        etag: Whether the response has an `ETag`, and a client that has it already gets `304`.
        stale_while_revalidate: How long after `max_age` a cache may use the response while it
            requests a new one (RFC 5861).
        vary: The names of the headers of requests on which the result depends.
        no_store: Whether no cache may store the response. Excludes the other arguments.

    Raises:
        ValueError: An argument is invalid; the message contains the reason.
    """

    max_age: Age | None = None
    public: bool = False
    etag: bool = True
    stale_while_revalidate: Age | None = None
    vary: tuple[str, ...] = ()
    no_store: bool = False

    def __post_init__(self) -> None:
        for name in ("max_age", "stale_while_revalidate"):
            object.__setattr__(self, name, _seconds(name, getattr(self, name)))
        vary: Any = self.vary
        if isinstance(vary, str) or not all(map(_TOKEN.fullmatch, vary)):
            raise ValueError(
                f"vary={vary!r} is not a tuple of header names; write ('Accept-Language',)"
            )
        object.__setattr__(self, "vary", tuple(vary))
        if self.stale_while_revalidate is not None and self.max_age is None:
            raise ValueError("stale_while_revalidate has no effect without max_age; add max_age")
        if self.no_store and (self.public or self.max_age is not None):
            raise ValueError("no_store excludes public and max_age; remove one of them")

    def control(self, *, is_private: bool) -> str:
        """Return the value of `Cache-Control`.

        Args:
            is_private: Whether the response is for one client only.
        """
        if self.no_store:
            return "no-store"
        parts = ["public" if self.public and not is_private else "private"]
        parts.append("no-cache" if self.max_age is None else f"max-age={self.max_age}")
        if self.stale_while_revalidate is not None:
            parts.append(f"stale-while-revalidate={self.stale_while_revalidate}")
        return ", ".join(parts)


def cache_control(
    control: str,
    cache: Cache | None,
    *,
    succeeds: bool,
    is_signed_in: bool,
    sets_cookie: bool,
) -> str:
    """Return the value of `Cache-Control` of a response; empty for none.

    Args:
        control: The value that the action or the native route has set; empty if it has not.
        cache: That of the route.
        succeeds: Whether the response is a success.
        is_signed_in: Whether the response is for a client with a session or credentials.
        sets_cookie: Whether the response sets a cookie.
    """
    if not control:
        if cache is not None and succeeds:
            return cache.control(is_private=is_signed_in or sets_cookie)
        return "no-store" if is_signed_in else "private" if sets_cookie else ""
    if not sets_cookie:
        return control
    directives = [part.strip() for part in control.split(",")]
    names = {directive.partition("=")[0].lower() for directive in directives}
    if names & _NOT_SHARED:
        return control
    rest = [
        directive
        for directive in directives
        if directive.partition("=")[0].lower() not in {"public", "s-maxage"}
    ]
    return ", ".join(["private", *filter(None, rest)])


def _seconds(name: str, age: Any) -> int | None:
    if isinstance(age, timedelta):
        age = int(age.total_seconds())
    if age is not None and (not isinstance(age, int) or isinstance(age, bool) or age < 0):
        raise ValueError(
            f"{name}={age!r} is neither a timedelta nor a number of seconds, or negative"
        )
    return age
