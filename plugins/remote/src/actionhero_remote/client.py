"""`RemoteServer`: the connection with a server. Credentials go to its origin, and nowhere else."""

from __future__ import annotations

import os
import ssl
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from actionhero import ConfigurationError, MalformedRequest, UnavailableError, __version__
from actionhero.transport import TRACE_FIELDS, loads
from actionhero_remote.document import EVENTS, JSON, ApiDocument
from actionhero_remote.errors import ErrorResponse, is_error_document, network_error
from actionhero_remote.response_bodies import read_body
from actionhero_remote.server_url import DOCUMENT_PATH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import Self

    from actionhero_remote.credentials import Credential
    from actionhero_remote.requests import ActionRequest
    from actionhero_remote.server_url import ServerUrl

#: How long a connection, and the response with the document, may take. Calls have no limit: their
#: actions have.
CONNECT_SECONDS: Final = 15.0
DOCUMENT_SECONDS: Final = 60.0
#: The largest document, after its decompression.
MAX_DOCUMENT_BYTES: Final = 32 * 1024 * 1024

_NETWORK_ERRORS: Final = (aiohttp.ClientError, OSError, TimeoutError)


class RemoteServer:
    """A server; an asynchronous context manager.

    Args:
        url: Its URL.
        credential: The credentials of the user.
        ca_file: A file with the only certificates of authorities to trust; `None`: the system's.
        allow_http: Whether credentials may be sent without encryption to another machine.

    Raises:
        ConfigurationError: The credentials would be sent without encryption, or the file contains
            no certificates.
    """

    def __init__(
        self,
        url: ServerUrl,
        credential: Credential | None = None,
        *,
        ca_file: str | None = None,
        allow_http: bool = False,
    ) -> None:
        if credential is not None and not (url.is_https or url.is_loopback or allow_http):
            raise ConfigurationError(
                f"the token or session would be sent to {url} without encryption; use https, or "
                "--allow-http in a network that you trust"
            )
        self.url = url
        self.credential = credential
        #: The credentials after a call: another object if the server has replaced the session.
        self.renewed = credential
        # Without TLS, there is nothing to load, which takes some milliseconds.
        self._ssl = ssl_context(ca_file) if url.is_https or ca_file else True
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._ssl),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"actionhero/{__version__}", **_trace_headers()},
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._session is not None  # noqa: S101 - entered
        await self._session.close()

    async def document(self) -> ApiDocument:
        """Fetch the OpenAPI document; without credentials, unless it requires them.

        Raises:
            ConfigurationError: There is no document at the URL.
            ErrorResponse: The server refuses to serve the document.
            UnavailableError: The server is unavailable.
        """
        error: ConfigurationError | None = None
        for url in self.url.api_urls:
            try:
                return await self._document_at(url)
            except ConfigurationError as failure:
                # The first URL is the usual one.
                error = error or failure
        assert error is not None  # noqa: S101 - there is a URL
        raise error

    async def check_credential(self, document: ApiDocument) -> None:
        """Fetch the document with the credentials.

        Raises:
            ErrorResponse: The server refuses the credentials.
            BootError: See `document`.
        """
        headers = self._credential_headers(document)
        location = document.url + DOCUMENT_PATH
        async with self._request("GET", location, headers, seconds=DOCUMENT_SECONDS) as response:
            content = await _json(response)
            if response.status >= 300:
                self._raise_for_document(response, location, content)

    @asynccontextmanager
    async def call(
        self, document: ApiDocument, request: ActionRequest
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send the request of a call, with the credentials, and yield the response.

        Raises:
            UnavailableError: The server is unavailable.
        """
        headers = [("Accept", f"{JSON}, {EVENTS}, */*;q=0.1"), *request.headers]
        cookies = list(request.cookies)
        for name, value in self._credential_headers(document).items():
            if name == "Cookie":
                cookies.append(value)
            else:
                headers.append((name, value))
        if cookies:
            headers.append(("Cookie", "; ".join(cookies)))
        url = document.url + request.target
        async with self._request(request.method, url, headers, request.body()) as response:
            self._renew(response)
            yield response

    def _renew(self, response: aiohttp.ClientResponse) -> None:
        credential = self.credential
        if credential is not None and credential.kind == "session":
            cookie = response.cookies.get(credential.name)
            if cookie is None or not cookie.value or cookie["max-age"] == "0":
                return
            if not compare_digest(cookie.coded_value.encode(), credential.value.encode()):
                self.renewed = replace(credential, value=cookie.coded_value)

    def _credential_headers(self, document: ApiDocument | None) -> dict[str, str]:
        if self.credential is None:
            return {}
        if document is None:
            return self.credential.headers()
        return self.credential.headers(document.token_scheme)

    async def _document_at(self, url: str) -> ApiDocument:
        location = url + DOCUMENT_PATH
        for headers in ({}, self._credential_headers(None)):
            async with self._request(
                "GET", location, headers, seconds=DOCUMENT_SECONDS
            ) as response:
                status = response.status
                content = await _json(response)
                if status in (401, 403) and not headers and self.credential is not None:
                    continue
                if isinstance(content, dict) and isinstance(content.get("openapi"), str):
                    return ApiDocument(content, url)
                self._raise_for_document(response, location, content)
        raise AssertionError

    def _raise_for_document(self, response: Any, location: str, content: Any) -> None:
        """Raise the error of a response without a document."""
        status = response.status
        if 300 <= status < 400:
            target = response.headers.get("Location", "")
            raise ConfigurationError(
                f"{location} redirects to {target!r}, and redirects are not followed; if that is "
                "the server, use its URL"
            )
        if is_error_document(content):
            if status in (404, 405):
                raise ConfigurationError(
                    f"{self.url} serves no OpenAPI document at {location}, which lists its "
                    "actions; check the prefix of the API in the URL, and that the server has "
                    "actionhero-openapi with openapi.serve"
                )
            raise ErrorResponse(content, status)
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        if status in (502, 503, 504):
            raise UnavailableError(f"{self.url} is unavailable: {location} returned {status}")
        raise ConfigurationError(
            f"{self.url} is not a server of ActionHero: {location} returned {status} with {kind}; "
            "check the URL and the prefix of the API"
        )

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        url: str,
        headers: Any,
        body: aiohttp.FormData | None = None,
        seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None  # noqa: S101 - entered
        timeout = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS)
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                # A redirect would send the credentials elsewhere.
                allow_redirects=False,
                proxy=self._proxy(),
                timeout=timeout,
            ) as response:
                yield response
        except BrokenPipeError:
            # Of stdout, not of the network, whose errors aiohttp wraps.
            raise
        except _NETWORK_ERRORS as error:
            # Without its cause, which contains the headers of the request.
            raise network_error(error, str(self.url)) from None

    def _proxy(self) -> str | None:
        """Return the proxy of the environment; none for this machine."""
        if self.url.is_loopback or urllib.request.proxy_bypass(self.url.host):
            return None
        return urllib.request.getproxies().get("https" if self.url.is_https else "http")


@cache
def ssl_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names.

    Args:
        ca_file: The file with the authorities to trust; `None`: those of the system.

    Raises:
        ConfigurationError: The file cannot be read, or contains no certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else ""
        raise ConfigurationError(
            f"--ca-file {ca_file!r} contains no certificates in PEM: {reason or error}"
        ) from None


async def _json(response: aiohttp.ClientResponse) -> Any:
    """Return the JSON value of a response; `None` if it has another type."""
    if "json" not in response.content_type:
        return None
    try:
        return loads(await read_body(response.content.iter_any(), MAX_DOCUMENT_BYTES))
    except MalformedRequest:
        return None


def _trace_headers() -> dict[str, str]:
    """Return the trace of the environment, which a local call continues, too."""
    variables = {name: os.environ.get(name.upper()) for name in TRACE_FIELDS}
    return {name: value for name, value in variables.items() if value}
