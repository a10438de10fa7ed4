"""The options of a client, and of its calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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
