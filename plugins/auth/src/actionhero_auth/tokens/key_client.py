"""`KeyClient`: fetches documents with keys from issuers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiohttp import ClientSession

    from actionhero import Application

#: The largest document, in bytes.
MAX_BYTES: Final = 512 * 1024
OK: Final = 200


class FetchError(Exception):
    """Raised when a document cannot be fetched; the message is the reason, for operators."""


class KeyClient:
    """An HTTP client with one connection pool, created on first use."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine that fetches documents, in a task that `aclose` cancels."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def fetch(self, url: str, timeout_seconds: float) -> dict[str, Any]:
        """Return a JSON object.

        Redirects are not followed: the URL in the settings is that of the document.

        Args:
            url: The URL of the document.
            timeout_seconds: The time limit for all of it.

        Raises:
            FetchError: The server is not available, or its response is not such a document; or
                the client is closed.
        """
        if self._is_closed:
            raise FetchError(f"{url} is not fetched during the shutdown")
        import aiohttp  # noqa: PLC0415 - slow, and needed for issuers with a URL only

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                self._session.get(
                    url, allow_redirects=False, headers={"Accept": "application/json"}
                ) as response,
            ):
                if response.status != OK:
                    raise FetchError(f"{url} has responded with status {response.status}")
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise FetchError(f"{url} is larger than {MAX_BYTES} bytes")
        except TimeoutError as error:
            raise FetchError(f"{url} has not responded within {timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise FetchError(f"{url} cannot be fetched: {error}") from error
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{url} is not JSON") from error
        if not isinstance(document, dict):
            raise FetchError(f"{url} is not a JSON object")
        return document

    async def aclose(self) -> None:
        """Cancel what `start` has begun, and close the connections."""
        self._is_closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._session is not None:
            await self._session.close()


def client_for(app: Application) -> KeyClient:
    """Return the client of an application, which is created on first use."""
    if not app.has(KeyClient):
        app.provide(KeyClient, KeyClient())
    return app.get(KeyClient)
