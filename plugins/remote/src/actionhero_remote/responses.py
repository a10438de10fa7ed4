"""The responses of calls: values, streams of events, streams of chunks, and errors."""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero import (
    ConfigurationError,
    ConnectionTypeNotFound,
    MalformedRequest,
    UnavailableError,
)
from actionhero.transport import Chunk, Item, dumps, loads
from actionhero_remote.document import EVENTS, JSON
from actionhero_remote.errors import ErrorResponse, is_error_document
from actionhero_remote.response_bodies import parse_events, read_body

if TYPE_CHECKING:
    import aiohttp

    from actionhero.cli import StreamWriter
    from actionhero_remote.document import RemoteAction


class Result(NamedTuple):
    """The value of a successful call, in JSON types."""

    value: Any


async def read_result(
    response: aiohttp.ClientResponse, action: RemoteAction, stream: StreamWriter
) -> Result | None:
    """Return the result of a call; `None` if it is a stream, which is written.

    Args:
        response: The response.
        action: The action.
        stream: Writes the items of a stream.

    Raises:
        ErrorResponse: The call failed.
        ConnectionTypeNotFound: The action redirects the client.
        BootError: The response is not one of ActionHero.
    """
    status, media_type = response.status, response.content_type
    if 300 <= status < 400:
        location = response.headers.get("Location", "")
        raise ConnectionTypeNotFound(
            f"The response is a redirect to {location!r}, which is not followed"
        )
    if status < 400:
        if media_type == EVENTS and EVENTS in action.content:
            await _write_events(response, action, stream)
            return None
        if media_type != JSON or JSON not in action.content:
            if status in (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT):
                return Result({})
            await _write_chunks(response, media_type, stream)
            return None
    return Result(await _read_value(response, action))


async def _read_value(response: aiohttp.ClientResponse, action: RemoteAction) -> Any:
    content = await read_body(response.content.iter_any())
    try:
        value = loads(content)
    except MalformedRequest:
        raise _foreign_response(response) from None
    if response.status >= 400:
        if is_error_document(value):
            raise ErrorResponse(value, response.status)
        # The status of a result may be an error, such as that of a health check.
        if not {str(response.status), "default"} & action.statuses:
            raise _foreign_response(response)
    return value


async def _write_events(
    response: aiohttp.ClientResponse, action: RemoteAction, stream: StreamWriter
) -> None:
    async with aclosing(parse_events(response.content.iter_any())) as events:
        async for event, data in events:
            is_json, value = _parse(data)
            if event == "error" and is_error_document(value):
                raise ErrorResponse(value, None)
            body = data.encode() if is_json and not action.has_text_events else dumps(data)
            if not await stream(Item(value, body)):
                return


def _parse(data: str) -> tuple[bool, Any]:
    """Return whether the data of an event is JSON, and its value."""
    try:
        return True, loads(data.encode())
    except MalformedRequest:
        return False, None


async def _write_chunks(
    response: aiohttp.ClientResponse, media_type: str, stream: StreamWriter
) -> None:
    async for chunk in response.content.iter_any():
        if not await stream(Chunk(chunk, media_type)):
            return


def _foreign_response(response: aiohttp.ClientResponse) -> ConfigurationError | UnavailableError:
    """Return the error of a response that something between here and the server sent."""
    # Without the query, which may contain secrets.
    url = response.url.with_query(None)
    message = (
        f"{response.method} {url} returned {response.status} with "
        f"{response.content_type}, which is no response of ActionHero"
    )
    if response.status >= 500:
        return UnavailableError(f"{message}; the server, or a proxy before it, is unavailable")
    return ConfigurationError(f"{message}; check the URL, and the proxies before the server")
