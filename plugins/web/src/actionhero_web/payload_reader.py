"""`PayloadReader`: decodes the body of a request, by its media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import UnsupportedMediaType
from actionhero.transport import JsonPayload, MixedPayload, TextPayload
from actionhero_web.media import MediaType, media_type_of, parse_form, parse_query
from actionhero_web.multipart import Form, read_form

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero.transport import Payload
    from actionhero_web.body import BodyReader
    from actionhero_web.router import Match


class PayloadReader:
    """Decodes JSON, forms and multipart forms, and merges them with the path and the query.

    Args:
        body: Reads bodies within their limits.
        memory_bytes: Up to this size, an uploaded file is kept in memory.
    """

    def __init__(self, body: BodyReader, memory_bytes: int) -> None:
        self._body = body
        self._memory_bytes = memory_bytes

    async def read(
        self, request: web.BaseRequest, match: Match[Any], query: str
    ) -> tuple[Payload, Form | None]:
        """Return the payload: the path overrides the body, and the body the query.

        Returns:
            The payload, and the multipart form to close after the call, if there is one.

        Raises:
            TypedError: The body cannot be decoded, is too large, or has another media type.
        """
        path = match.parameters
        if not request.body_exists:
            if not query and not path:
                return JsonPayload(b""), None
            return TextPayload((parse_query(query) if query else {}) | path), None
        content_type = request.headers.get("Content-Type")
        media_type = media_type_of(content_type)
        if media_type is MediaType.JSON:
            body = await self._body.read(request)
            if not query and not path:
                return JsonPayload(body), None
            return MixedPayload(path, body, parse_query(query) if query else {}), None
        fields = parse_query(query) if query else {}
        if media_type is MediaType.FORM:
            return TextPayload(fields | parse_form(await self._body.read(request)) | path), None
        if media_type is MediaType.MULTIPART:
            form = await read_form(request, self._body, self._memory_bytes)
            return TextPayload(fields | form.fields | path), form
        if not await self._body.read(request):
            return TextPayload(fields | path), None
        raise UnsupportedMediaType(
            f"unsupported media type {content_type!r} of the body; send application/json, "
            "application/x-www-form-urlencoded or multipart/form-data"
            if content_type
            else "the body has no Content-Type; send application/json"
        )
