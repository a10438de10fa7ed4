"""The options of a client, and of its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """The options of a client; see `connect`."""

    reconnect: bool | Callable[[int | None, str], bool] = True
    messages_per_second: int = 20
    message_limit_bytes: int = 65536
    timeout: timedelta | None = None
    min_backoff: timedelta = timedelta(seconds=0.2)
    max_backoff: timedelta = timedelta(seconds=10)
    heartbeat: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """The options of a call; see `Client.run`."""

    timeout: timedelta | None = None
    idempotent: bool = False
    retry_rate_limited: bool = False


@dataclass(frozen=True)
class Handshake:
    """The request of a handshake.

    Args:
        url: Such as `ws://127.0.0.1:8080/api`.
        headers: The headers.
        cookie_name: The name of the session cookie.
        session: The value of the session cookie; `None` for none.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie_name: str = "__session"
    session: str | None = None

    def all_headers(self) -> dict[str, str]:
        """Return the headers, with the cookie."""
        if self.session is None:
            return dict(self.headers)
        return {**self.headers, "Cookie": f"{self.cookie_name}={self.session}"}
