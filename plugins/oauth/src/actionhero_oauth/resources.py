"""`Resources`: the targets of tokens, by the transport of the call (RFC 8707, RFC 9728)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ProtectedResource(NamedTuple):
    """A part of the application that accepts access tokens.

    A token for one resource is refused by the others.
    """

    #: Its path, below the issuer: `/mcp`.
    path: str
    #: The transports of its calls.
    transports: frozenset[str]
    #: Its full URL, if that is not the path below the issuer.
    url: str = ""
    #: The scopes that its calls require, and the place of each: "action 'note:view' (notes.py)".
    scopes: Mapping[str, str] = MappingProxyType({})


class Resources:
    """The resources of one application; the first one is the default.

    Args:
        issuer: The URL of the application.
        resources: Its resources.
    """

    def __init__(self, issuer: str, resources: Iterable[ProtectedResource]) -> None:
        self._issuer = issuer
        self._urls = {item.url or issuer + item.path: item for item in resources}

    @property
    def default(self) -> str:
        """The resource of a request that names none."""
        return next(iter(self._urls))

    @property
    def urls(self) -> list[str]:
        """The URLs of all resources."""
        return list(self._urls)

    def find(self, url: str) -> str | None:
        """Return the resource of a URL; `None` if it is not ours.

        Scheme and host are compared without case, and one slash at the end is ignored.
        """
        return next((own for own in self._urls if _normal(own) == _normal(url)), None)

    def at(self, path: str) -> str | None:
        """Return the resource at a path; `None` if there is none."""
        own = (url for url in self._urls if urlsplit(url).path.rstrip("/") == path.rstrip("/"))
        return next(own, None)

    def of_transport(self, transport: str) -> str | None:
        """Return the resource that the calls of a transport belong to."""
        return next((url for url, item in self._urls.items() if transport in item.transports), None)


def _normal(url: str) -> tuple[str, str, str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ("", "", url, "")
    if "#" in url:
        # Without a fragment (RFC 8707 §2).
        return ("", "", url, "")
    return (parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query)
