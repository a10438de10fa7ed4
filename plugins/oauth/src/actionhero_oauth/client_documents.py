"""`ClientDocuments`: fetches the metadata documents of clients, within narrow limits.

The only request that the server sends, to an address that a stranger chooses. So the name is
resolved here, and the connection goes to the checked address: never to this machine or network.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from actionhero import MalformedRequest
from actionhero.transport import loads
from actionhero_oauth.clients import Client, ClientKind, display_name
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.public_addresses import (
    is_address,
    is_global,
    public_resolver,
    public_session,
)
from actionhero_oauth.redirects import redirect_problem, split_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import aiohttp
    from aiohttp.abc import AbstractResolver

#: The largest document.
LIMIT_BYTES: Final = 64 * 1024
#: How long a fetch may take, in seconds.
TIMEOUT_SECONDS: Final = 5.0
#: How long a document is cached at least and at most, and a failure, in seconds.
_MIN_AGE, _MAX_AGE, _FAILURE_AGE = 300.0, 86_400.0, 60.0
#: How many documents are fetched at once.
MAX_FETCHES: Final = 16
#: How many documents are cached.
_CACHE_SIZE: Final = 1000
_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})")


class _Entry(NamedTuple):
    client: Client | None
    problem: str
    expires: float


class ClientDocuments:
    """The clients whose identifier is the URL of their metadata document.

    See draft-ietf-oauth-client-id-metadata-document.

    Args:
        trusted_hosts: The hosts of documents; empty: all.
        is_allowed: Returns whether an address may be connected to; by default, global ones.
        session: Returns a client session that connects to resolved addresses; for tests.
    """

    def __init__(
        self,
        trusted_hosts: Iterable[str] = (),
        *,
        is_allowed: Callable[[str], bool] | None = None,
        session: Callable[[AbstractResolver], aiohttp.ClientSession] | None = None,
    ) -> None:
        self._trusted = frozenset(host.lower() for host in trusted_hosts)
        self._is_allowed = is_allowed or is_global
        self._make_session = session
        self._cache: OrderedDict[str, _Entry] = OrderedDict()
        self._loading: dict[str, asyncio.Task[_Entry]] = {}

    async def find(self, url: str) -> Client:
        """Return the client whose identifier is `url`, from the cache or its document.

        Raises:
            OAuthError: The URL is not acceptable, or the document cannot be fetched or is invalid.
        """
        if problem := self._url_problem(url):
            raise OAuthError("invalid_client", f"the client_id {problem}", 401)
        entry = self._cache.get(url)
        if entry is None or entry.expires < time.monotonic():
            entry = await self._load_once(url)
        if entry.client is None:
            problem = f"the metadata document of the client {entry.problem}"
            raise OAuthError("invalid_client", problem, 401)
        return entry.client

    async def _load_once(self, url: str) -> _Entry:
        """Fetch a document; callers that need the same one wait for it.

        Raises:
            OAuthError: Too many documents are being fetched: strangers choose their addresses.
        """
        loading = self._loading.get(url)
        if loading is None:
            if len(self._loading) >= MAX_FETCHES:
                raise OAuthError(
                    "temporarily_unavailable", "too many metadata documents are being fetched", 503
                )
            loading = self._loading[url] = asyncio.create_task(self._load(url))
            loading.add_done_callback(lambda _: self._loading.pop(url, None))
        # The caller may be cancelled, the others need the document still.
        entry = await asyncio.shield(loading)
        self._cache[url] = entry
        self._cache.move_to_end(url)
        while len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return entry

    async def _load(self, url: str) -> _Entry:
        import aiohttp  # noqa: PLC0415 - only where a client has a document

        try:
            body, age = await self._fetch(url)
            client, problem = _client(url, body), ""
        except _DocumentError as error:
            client, problem, age = None, str(error), _FAILURE_AGE
        # The codec of names raises UnicodeError for a label that is empty or too long.
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeError) as error:
            # Without the text of the error, by which a stranger could map our network.
            client, age = None, _FAILURE_AGE
            problem = "took too long" if isinstance(error, TimeoutError) else "cannot be fetched"
        return _Entry(client, problem, time.monotonic() + age)

    async def _fetch(self, url: str) -> tuple[bytes, float]:
        import aiohttp  # noqa: PLC0415 - only where a client has a document

        resolver = public_resolver(self._is_allowed)
        make = self._make_session or public_session
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with (
            make(resolver) as session,
            session.get(
                url,
                timeout=timeout,
                allow_redirects=False,
                # A small body could expand to a large one.
                auto_decompress=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as response,
        ):
            if response.status != 200:
                raise _DocumentError(f"was answered with status {response.status}")
            body = b""
            async for chunk in response.content.iter_chunked(16_384):
                body += chunk
                if len(body) > LIMIT_BYTES:
                    raise _DocumentError(f"is larger than {LIMIT_BYTES} bytes")
            match = _AGE.search(response.headers.get("Cache-Control", "").lower())
            age = float(match[1]) if match else 0.0
            return body, min(max(age, _MIN_AGE), _MAX_AGE)

    def _url_problem(self, url: str) -> str:
        """Return why a URL is not acceptable as an identifier; empty if it is."""
        parts = split_uri(url)
        if parts is None:
            return "is not a URI of printable ASCII characters"
        if parts.scheme != "https" or not parts.hostname:
            return "must be the URL of a document, beginning with https://"
        if parts.port not in (None, 443):
            return "must have no port but 443"
        if is_address(parts.hostname):
            return "must have a name as its host, not an address"
        if "@" in parts.netloc or "#" in url:
            return "must have no user and no fragment"
        # Decoded, as it is when the document is fetched.
        segments = unquote(parts.path).split("/")
        if parts.path in ("", "/") or not {".", ".."}.isdisjoint(segments):
            return "must have a path without dot segments"
        if self._trusted and parts.hostname not in self._trusted:
            return "is not one that this server trusts"
        return ""


class _DocumentError(Exception):
    """A document is not acceptable; the text completes 'the document …'."""


def _client(url: str, body: bytes) -> Client:
    try:
        values = loads(body)
    except MalformedRequest:
        raise _DocumentError("is not JSON") from None
    if not isinstance(values, dict) or values.get("client_id") != url:
        raise _DocumentError("has another client_id than its URL")
    uris = values.get("redirect_uris")
    if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) for uri in uris):
        raise _DocumentError("has no redirect_uris")
    method = values.get("token_endpoint_auth_method", "none")
    if method != "none" or "client_secret" in values:
        raise _DocumentError("is of a client with a secret, which is not supported")
    accepted = tuple(uri for uri in uris if not redirect_problem(uri))
    if not accepted:
        raise _DocumentError("has no acceptable redirect_uri")
    name = values.get("client_name")
    host = urlsplit(url).hostname or ""
    shown = display_name(name) if isinstance(name, str) else ""
    return Client(url, shown or host, accepted, ClientKind.DOCUMENT)
