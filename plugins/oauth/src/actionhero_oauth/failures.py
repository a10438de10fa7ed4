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
            status = ERROR_MAPPINGS[typed.type].status
            response = respond(typed.message, status)
            if isinstance(error, HttpError):
                response.headers.extend(error.headers)
            if status == 503:
                response.headers["Retry-After"] = str(typed.retry_after_seconds or 1)
            return response

    return handle


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
