"""Origins of pages: the validation of those in settings, and the comparison with hosts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_DEFAULT_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_NAME: Final = r"(\[[0-9a-f:.]+\]|[^\s/?#@:,\[\]]+)"
_ORIGIN: Final = re.compile(rf"([a-z][a-z0-9+.-]*)://{_NAME}(?::([0-9]{{1,5}}))?", re.ASCII)
_HOST: Final = re.compile(rf"{_NAME}(?::([0-9]{{0,5}}))?", re.ASCII)


def allowed_origin(text: str) -> str:
    """Return an item of `web.allowed_origins` in the form that browsers send.

    Raises:
        ValueError: It is neither an origin nor `*`; the message contains the reason.
    """
    origin = text.strip().removesuffix("/").lower()
    if origin == "*":
        return origin
    if not _is_origin(origin):
        raise ValueError(
            f"the origin {text!r} is not a scheme and a host, optionally with a port; "
            "write 'https://app.example.com', or '*' for all"
        )
    return normalize(origin)


def trusted_origin(text: str) -> str:
    """Return an item of `web.trusted_origins` in the form that browsers send.

    Raises:
        ValueError: It is not exactly an origin; the message contains the reason.
    """
    origin = text.lower()
    if _is_origin(origin):
        return normalize(origin)
    scheme, separator, rest = origin.partition("://")
    if not separator or not scheme:
        problem = "has no scheme"
    elif rest.endswith("/") and rest.count("/") == 1:
        problem = "has a trailing slash"
    elif "/" in rest:
        problem = "has a path"
    else:
        problem = "is not a scheme and a host, optionally with a port"
    raise ValueError(
        f"the origin {text!r} {problem}; write each origin as browsers do, such as "
        "'https://app.example.com'"
    )


def normalize(origin: str) -> str:
    """Return an origin in the form that browsers send: lowercase, without the default port."""
    origin = origin.lower()
    scheme, _, _ = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return origin if port is None else origin.removesuffix(f":{port}")


# A browser has few origins, and the comparison takes microseconds.
@lru_cache(maxsize=256)
def has_host(origin: str, host: str) -> bool:
    """Return whether an origin has a host and port, with any scheme.

    A proxy that terminates TLS may not report the scheme.

    Args:
        origin: The header `Origin`; `null`, or several origins, have no host.
        host: The header `Host`, whose port is by default that of the origin's scheme.
    """
    origin_match = _ORIGIN.fullmatch(origin.lower())
    host_match = _HOST.fullmatch(host.lower())
    if origin_match is None or host_match is None:
        return False
    scheme, name, port = origin_match.groups()
    default = _DEFAULT_PORTS.get(scheme, "")
    return (name, port or default) == (host_match[1], host_match[2] or default)


def _is_origin(origin: str) -> bool:
    if origin == "null":
        raise ValueError(
            "the origin 'null' cannot be allowed, as every sandboxed page and local file has it; "
            "remove it"
        )
    return _ORIGIN.fullmatch(origin) is not None and origin.isascii() and "*" not in origin
