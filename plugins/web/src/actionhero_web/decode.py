"""The second stage: `RequestDecoder` decodes query and body of a request into a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import TypedError, UnsupportedMediaType
from actionhero.transport import (
    EMPTY_PAYLOAD,
    InvalidPayload,
    JsonPayload,
    MixedPayload,
    TextPayload,
)
from actionhero_web.bodies.body import BodyReader
from actionhero_web.bodies.media import MediaType, media_type_of, parse_form, parse_query
from actionhero_web.bodies.multipart import read_form

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero.transport import Payload
    from actionhero_web.request_context import CallContext
    from actionhero_web.settings import WebSettings

#: Methods whose request body has no defined meaning.
METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class RequestDecoder:
    """Decodes requests.

    Args:
        settings: The limits of bodies.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._body = BodyReader(
            settings.body_limit_bytes, settings.body_idle_timeout.total_seconds()
        )
        self._memory_bytes = settings.file_memory_bytes

    async def decode(self, context: CallContext) -> Payload:
        """Return the payload of a request: the path overrides the body, and the body the query.

        A request that cannot be decoded has a payload with the error: the pipeline logs the call,
        and authentication takes precedence over the error.
        """
        request, query = context.request, context.query
        path = context.match.parameters
        try:
            if request.method in METHODS_WITHOUT_BODY:
                if query:
                    fields = parse_query(query)
                    return TextPayload(fields | path if path else fields)
                return TextPayload(path) if path else EMPTY_PAYLOAD
            if (
                not query
                and not path
                and media_type_of(request.headers.get("Content-Type")) is MediaType.JSON
            ):
                # The usual request with a body: parsed and validated in one step.
                body = self._body.read_buffered(request) or await self._body.read(request)
                return JsonPayload(body)
            return await self._decode_body(context)
        except TypedError as error:
            return InvalidPayload(error)

    async def _decode_body(self, context: CallContext) -> Payload:
        """Return the payload of a request with a body.

        Raises:
            TypedError: The body cannot be decoded, is too large, or has another media type.
        """
        request, query = context.request, context.query
        path = context.match.parameters
        if not request.body_exists:
            if not query and not path:
                return JsonPayload(b"")
            return TextPayload((parse_query(query) if query else {}) | path)
        content_type = request.headers.get("Content-Type")
        media_type = media_type_of(content_type)
        if media_type is MediaType.JSON:
            body = await self._body.read(request)
            if not query and not path:
                return JsonPayload(body)
            return MixedPayload(path, body, parse_query(query) if query else {})
        fields = parse_query(query) if query else {}
        if media_type is MediaType.FORM:
            return TextPayload(fields | parse_form(await self._body.read(request)) | path)
        if media_type is MediaType.MULTIPART:
            form = context.form = await read_form(request, self._body, self._memory_bytes)
            return TextPayload(fields | form.fields | path)
        if not await self._body.read(request):
            return TextPayload(fields | path)
        raise UnsupportedMediaType(
            f"unsupported media type {content_type!r} of the body; send application/json, "
            "application/x-www-form-urlencoded or multipart/form-data"
            if content_type
            else "the body has no Content-Type; send application/json"
        )

    def check_length(self, request: web.BaseRequest) -> None:
        """Validate the declared length of the body of a request that is not decoded.

        Raises:
            RequestTooLarge: It is larger than the limit.
        """
        if request.method not in METHODS_WITHOUT_BODY:
            self._body.check_length(request)
