"""Redirect URIs: which are acceptable, and whether one is registered (RFC 8252, OAuth 2.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The host of a client on the user's machine, whose port changes (RFC 8252 §7.3).
_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
#: Private-use schemes without a dot (RFC 8252 §7.1 asks for one) of clients that are known.
_KNOWN_SCHEMES: Final = frozenset({"cursor", "vscode", "vscode-insiders"})
_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_AUTHORITY: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
_URI: Final = re.compile(r"[!#-;=?-\[\]_a-z~]{1,2000}")


def redirect_problem(uri: str) -> str:
    """Return why a redirect URI is not acceptable; empty if it is."""
    parts = split_uri(uri)
    if parts is None:
        return "is not a URI of printable ASCII characters"
    if "#" in uri:
        return "has a fragment"
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            return "has no host"
        if "@" in parts.netloc:
            return "has a user"
        # The host is part of a Content Security Policy.
        if not _AUTHORITY.fullmatch(parts.netloc):
            return "has an invalid host"
        if parts.scheme == "http" and not is_loopback(uri):
            return "must begin with https://, unless it is on the user's machine"
        return ""
    if parts.scheme in _KNOWN_SCHEMES or _PRIVATE_SCHEME.fullmatch(parts.scheme):
        return ""
    return (
        "has a scheme that is not accepted; use https, or a reversed name such as com.example.app"
    )


def is_loopback(uri: str) -> bool:
    """Return whether a redirect URI is on the user's machine."""
    parts = split_uri(uri)
    return parts is not None and parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Return whether a redirect URI is one of those, exactly but for the port on loopback."""
    without_port = _without_port(uri)
    return any(
        uri == other or (without_port is not None and without_port == _without_port(other))
        for other in registered
    )


def split_uri(uri: str) -> SplitResult | None:
    """Return the parts of a URI; `None` if it has other characters, which parsers differ about."""
    if not _URI.fullmatch(uri.lower()):
        return None
    try:
        parts = urlsplit(uri)
        # Raises for a port that is no number.
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme else None


def redirect_origin(uri: str) -> str:
    """Return the source of a redirect URI for a Content Security Policy."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def redirect_host(uri: str) -> str:
    """Return the host of a redirect URI, or its scheme, as the consent page names it."""
    parts = urlsplit(uri)
    return parts.hostname or f"{parts.scheme}:"


def _without_port(uri: str) -> str | None:
    """Return a loopback address without its port; `None` if it is not acceptable, or none."""
    parts = split_uri(uri)
    if parts is None or not is_loopback(uri) or redirect_problem(uri):
        return None
    rest = uri.partition("//")[2][len(parts.netloc) :]
    # Texts, as an empty query or fragment is none to the parser.
    return f"{parts.hostname}{rest}"
