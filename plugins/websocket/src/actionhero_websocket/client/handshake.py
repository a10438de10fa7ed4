"""`Handshake`: the request that opens a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

from actionhero_websocket.client.errors import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

#: The time limit of a handshake, with the connection to the address.
CONNECT_SECONDS: Final = 10.0

#: The statuses that a retry would not change.
_FINAL_STATUSES: Final = frozenset({400, 401, 403, 426})


def create_http_session() -> aiohttp.ClientSession:
    """Return a session for handshakes, without cookies."""
    timeout = aiohttp.ClientTimeout(total=None)
    return aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())


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
    headers: Mapping[str, str]
    cookie_name: str = "__session"
    session: str | None = None

    async def connect(
        self, http: aiohttp.ClientSession, heartbeat: timedelta
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a connection.

        Args:
            http: The session for the request.
            heartbeat: The interval of pings; zero: no pings.

        Raises:
            ConnectionLost: The server is unreachable, or refused the connection.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await http.ws_connect(
                    self.url,
                    headers=self._all_headers(),
                    heartbeat=heartbeat.total_seconds() or None,
                    max_msg_size=0,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise ConnectionLost(
                f"{self.url} refused the connection: {error.status} {error.message}",
                is_final=error.status in _FINAL_STATUSES,
            ) from error
        except TimeoutError as error:
            raise ConnectionLost(
                f"{self.url} did not answer the handshake within {CONNECT_SECONDS:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLost(f"{self.url} is unreachable: {error}") from error

    def _all_headers(self) -> dict[str, str]:
        """Return the headers, with the cookie."""
        if self.session is None:
            return dict(self.headers)
        return {**self.headers, "Cookie": f"{self.cookie_name}={self.session}"}
