"""`OriginCheck`: the hosts and the origins of requests (protection from DNS rebinding)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from actionhero.transport import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multidict import CIMultiDictProxy

    from actionhero_mcp.settings import McpSettings

#: The origins of known clients in a browser.
KNOWN_ORIGINS: Final = (
    "https://claude.ai",
    "https://claude.com",
    "https://chatgpt.com",
    "https://vscode.dev",
    "https://github.dev",
)


class OriginCheck:
    """Checks the headers `Host` and `Origin`.

    Args:
        settings: The allowed names and origins.
        is_local: Whether the server is bound to a loopback address.
        requires_credentials: Whether every call needs credentials.
    """

    def __init__(
        self, settings: McpSettings, *, is_local: bool, requires_credentials: bool
    ) -> None:
        self._is_local = is_local
        self._hosts = {host.lower() for host in settings.hosts}
        self._own_host = urlsplit(settings.url).netloc.lower() if settings.url else None
        allowed: Sequence[str] | None = settings.allowed_origins
        if allowed is None:
            allowed = KNOWN_ORIGINS if requires_credentials else ()
        # A client sends the same in all of its requests.
        self._allows_host = lru_cache(maxsize=256)(self._is_allowed_host)
        self._origins = {origin.lower().removesuffix("/") for origin in allowed}

    def refusal(self, headers: CIMultiDictProxy[str]) -> str | None:
        """Return why a request is refused; `None` if it is not."""
        host = headers.get("Host", "").lower()
        if not self._allows_host(host):
            return "Host not allowed"
        origin = headers.get("Origin")
        if origin is not None and not self._allows_origin(origin.lower(), host):
            return "Origin not allowed"
        return None

    def _is_allowed_host(self, host: str) -> bool:
        if self._own_host is not None and host == self._own_host:
            return True
        if self._is_local:
            return is_loopback(host_name(host)) or host_name(host) in self._hosts
        return self._own_host is None or host_name(host) in self._hosts

    def _allows_origin(self, origin: str, host: str) -> bool:
        if origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if self._is_local and is_loopback(parts.hostname or ""):
            return True
        return parts.scheme in {"http", "https"} and parts.netloc == host


def host_name(host: str) -> str:
    """Return a host without its port, and an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
