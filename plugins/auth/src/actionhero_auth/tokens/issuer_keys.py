"""`IssuerKeys`: the keys of one issuer, fetched when they are needed, and kept during an outage."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from actionhero import ServiceUnavailable
from actionhero_auth.settings import is_safe_url
from actionhero_auth.tokens.key_client import FetchError
from actionhero_auth.tokens.key_import import import_jwks, import_static, matching

if TYPE_CHECKING:
    from collections.abc import Callable

    from joserfc.jwk import Key

    from actionhero_auth.settings import IssuerSettings
    from actionhero_auth.tokens.key_client import KeyClient

logger = logging.getLogger("actionhero.auth")

#: How long keys are used while the issuer is not available: one that was withdrawn, because it was
#: stolen, must not be valid for as long as an attacker can keep the issuer from being reached.
MAX_AGE_SECONDS: Final = 24 * 3600.0
#: How long to wait after a failure before the next attempt; calls fail meanwhile.
RETRY_SECONDS: Final = 5.0
#: The path of the metadata of an issuer (OpenID Connect Discovery 1.0 §4).
DISCOVERY: Final = "/.well-known/openid-configuration"


class IssuerKeys:
    """The keys of one issuer.

    Args:
        settings: The issuer.
        client: Fetches the keys.
        on_change: Called when a fetched set differs from the one before.
    """

    def __init__(
        self, settings: IssuerSettings, client: KeyClient, on_change: Callable[[], object]
    ) -> None:
        self._settings = settings
        self._client = client
        self._on_change = on_change
        self._keys: list[Key] = []
        self._document: Any = None
        self._fetched_at = float("-inf")
        self._attempted_at = float("-inf")
        #: The reason why the last attempt has failed.
        self._failure: str | None = None
        self._fetching: asyncio.Task[None] | None = None
        if settings.key is not None:
            self._keys = import_static(settings)

    async def find(self, kid: str | None, algorithm: str) -> list[Key]:
        """Return the keys that may have signed a token; none if it is forged.

        Args:
            kid: The identifier of the key in the header of the token.
            algorithm: The algorithm in the header, which is one of the settings.

        Raises:
            ServiceUnavailable: The issuer is not available, and the key is not known.
        """
        if self._settings.key is not None:
            return matching(self._keys, kid, algorithm)
        now = time.monotonic()
        age = now - self._fetched_at
        if age > MAX_AGE_SECONDS:
            await self._fetch()
        elif age > self._settings.refresh_interval.total_seconds() and self._may_attempt(now):
            # In the background: the present keys are valid.
            self._start()
        keys = matching(self._keys, kid, algorithm)
        refetch_seconds = self._settings.refetch_interval.total_seconds()
        if not keys and time.monotonic() - self._attempted_at >= refetch_seconds:
            await self._fetch()
            keys = matching(self._keys, kid, algorithm)
        if not keys and self._failure is not None:
            raise self._unavailable()
        return keys

    async def check(self) -> int:
        """Return the number of keys, which are fetched if necessary.

        Raises:
            FetchError: They cannot be fetched.
        """
        if self._settings.key is None:
            await self._load()
        return len(self._keys)

    def _may_attempt(self, now: float) -> bool:
        return now - self._attempted_at >= RETRY_SECONDS

    def _start(self) -> asyncio.Task[None]:
        """Begin to fetch the keys, unless that is in progress."""
        if self._fetching is None or self._fetching.done():
            self._fetching = self._client.start(self._fetch_and_log())
        return self._fetching

    async def _fetch(self) -> None:
        """Fetch the keys; callers at the same time share one request.

        Raises:
            ServiceUnavailable: There are no keys that may be used.
        """
        is_running = self._fetching is not None and not self._fetching.done()
        if is_running or self._failure is None or self._may_attempt(time.monotonic()):
            # A caller that is cancelled does not cancel it for the others.
            task = self._start()
            await asyncio.wait({task})
            if task.cancelled():
                # By the shutdown, which does not cancel the caller.
                raise self._unavailable()
            task.result()
        if time.monotonic() - self._fetched_at > MAX_AGE_SECONDS:
            raise self._unavailable()

    async def _fetch_and_log(self) -> None:
        self._attempted_at = time.monotonic()
        try:
            await self._load()
        except FetchError as error:
            self._failure = str(error)
            logger.warning("the keys of the issuer %s: %s", self._settings.issuer, error)
        else:
            self._failure = None

    async def _load(self) -> None:
        url = self._settings.jwks_url or await self._discover()
        document = await self._client.fetch(url, self._settings.timeout.total_seconds())
        try:
            keys = import_jwks(document, self._settings)
        except ValueError as error:
            raise FetchError(f"{url} is no JWKS document: {error}") from error
        if not keys:
            raise FetchError(f"{url} has no key for the algorithms in the settings")
        self._fetched_at = time.monotonic()
        if document != self._document:
            self._keys, self._document = keys, document
            self._on_change()

    async def _discover(self) -> str:
        issuer = self._settings.issuer
        url = issuer.rstrip("/") + DISCOVERY
        document = await self._client.fetch(url, self._settings.timeout.total_seconds())
        if document.get("issuer") != issuer:
            raise FetchError(f"{url} is of another issuer")
        jwks_uri = document.get("jwks_uri")
        if not isinstance(jwks_uri, str) or not is_safe_url(jwks_uri):
            raise FetchError(f"{url} has no jwks_uri that is an https URL")
        return jwks_uri

    def _unavailable(self) -> ServiceUnavailable:
        return ServiceUnavailable(
            "The token cannot be checked now", retry_after_seconds=round(RETRY_SECONDS)
        )
