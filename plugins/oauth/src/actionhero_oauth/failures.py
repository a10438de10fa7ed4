"""The responses to requests that fail for no reason of the protocol, such as an outage of Redis."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web

from actionhero import TypedError
from actionhero.transport import dumps
from actionhero_oauth.errors import OAuthError
from actionhero_web import ERROR_MAPPINGS, HttpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from actionhero import Application

    Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger("actionhero.oauth")

#: The headers of endpoints that read no cookie: any page may call them.
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
}


def with_failures(
    app: Application, handler: Handler, respond: Callable[[str, int], web.Response]
) -> Handler:
    """Return a handler whose failures have a response in its own format.

    Unexpected exceptions pass.

    Args:
        app: The application.
        handler: The handler.
        respond: Returns the response with a message and a status.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            typed = error if isinstance(error, TypedError) else app.pipeline.translated(error)
            if typed is None:
                raise
            if typed is not error:
                logger.warning("%s %s failed: %s", request.method, request.path, error)
            response = respond(typed.message, status_of(typed))
            add_error_headers(response, typed)
            return response

    return handle


def status_of(error: TypedError) -> int:
    """Return the HTTP status of an error."""
    return error.status if isinstance(error, HttpError) else ERROR_MAPPINGS[error.type].status


def add_error_headers(response: web.StreamResponse, error: TypedError) -> None:
    """Add the headers of an error to its response: its own, and `Retry-After`."""
    if isinstance(error, HttpError):
        response.headers.extend(error.headers)
    if error.retry_after_seconds is not None or response.status == 503:
        response.headers["Retry-After"] = str(error.retry_after_seconds or 1)


def failure_document(message: str, status: int) -> web.Response:
    """Return the response of an endpoint for programs (RFC 6749 §5.2)."""
    code = "temporarily_unavailable" if status == 503 else "invalid_request"
    return json_response(OAuthError(code, message).document, status)


def json_response(
    document: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return the response of an endpoint for programs."""
    return web.Response(
        body=dumps(document),
        status=status,
        content_type="application/json",
        headers={**_HEADERS, **(headers or {})},
    )
