"""The errors of requests: the responses of a server, and those of the network."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp

from actionhero import ConfigurationError, ErrorType, UnavailableError
from actionhero.cli import EXIT_DATA, EXIT_FAILED, EXIT_UNAVAILABLE, exit_code

if TYPE_CHECKING:
    from actionhero import BootError

#: Types that the error format `actionhero` uses for other errors, too.
_VAGUE = frozenset({ErrorType.ACTION_RUN, ErrorType.SERVER_ERROR})
#: Exit codes by status, for these types.
_CODES = {400: EXIT_DATA, 406: EXIT_DATA, 415: EXIT_DATA, 422: EXIT_DATA, 503: EXIT_UNAVAILABLE}


class ErrorResponse(Exception):
    """The error of a call, as the server reports it.

    Args:
        document: The error document.
        status: The status; `None` for an error within a stream.
    """

    def __init__(self, document: dict[str, Any], status: int | None) -> None:
        super().__init__(document["error"]["message"])
        self.document = document
        self.status = status

    @property
    def exit_code(self) -> int:
        """The exit code, the same as that of a local call."""
        try:
            type_ = ErrorType(self.document["error"]["type"])
        except ValueError:
            type_ = ErrorType.ACTION_RUN
        if type_ in _VAGUE and self.status is not None:
            return _CODES.get(self.status, EXIT_FAILED)
        return exit_code(type_)


def is_error_document(document: object) -> bool:
    """Return whether a JSON value is an error document."""
    match document:
        case {"error": {"message": str(), "type": str()}}:
            return True
    return False


def network_error(error: Exception, url: str) -> BootError:
    """Return the error of a request that got no complete response.

    Args:
        error: The error of aiohttp or of the system.
        url: The URL of the server.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = error.certificate_error
        return ConfigurationError(
            f"the certificate of {url} is not trusted: "
            f"{getattr(reason, 'verify_message', '') or reason}; pass the certificates of its "
            "authority with --ca-file, or check the URL"
        )
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return UnavailableError(
            f"no TLS connection with {url}: {_reason(error)}; does the server use http?"
        )
    if isinstance(error, TimeoutError):
        return UnavailableError(f"{url} does not respond in time; check the URL, or try again")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UnavailableError(f"the host of {url} is unknown: {_reason(error)}; check the URL")
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return UnavailableError(
            f"no connection with {url} through the proxy of the environment: {_reason(error)}"
        )
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        return UnavailableError(f"{url} closed the connection before the end of its response")
    if isinstance(error, aiohttp.ClientResponseError):
        return UnavailableError(f"{url} does not speak HTTP: {error.message}; check the URL")
    return UnavailableError(
        f"no connection with {url}: {_reason(error)}; check the URL, and that the server runs"
    )


def _reason(error: BaseException) -> str:
    """Return the text of an error of the system, which aiohttp repeats with the address."""
    inner = getattr(error, "os_error", error)
    number = getattr(inner, "errno", None)
    if isinstance(inner, OSError) and number is not None and number > 0:
        return os.strerror(number)
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
