"""The second stage: `RequestDecoder` decodes query and body of a request into a payload."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import hdrs

from actionhero import ErrorType, InvalidInput, MalformedRequest, ServiceUnavailable, TypedError
from actionhero.transport import (
    EMPTY_PAYLOAD,
    FormFields,
    InvalidPayload,
    JsonPayload,
    MixedPayload,
    TextPayload,
)
from actionhero_web.bodies.body import BodyReader
from actionhero_web.bodies.media import MediaType, media_type_of, parse_form, parse_query
from actionhero_web.bodies.multipart import read_form
from actionhero_web.responses.http_error import HttpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp import web

    from actionhero.transport import InputSchema, Payload, RegisteredAction
    from actionhero_web.bodies.decoder import BodyDecoder
    from actionhero_web.request_context import CallContext
    from actionhero_web.routes.route_tree import Match
    from actionhero_web.settings import WebSettings

logger = logging.getLogger("actionhero.web")

#: The disk or its quota is full, or the file system allows no larger file.
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

#: The media types that need no plugin.
BUILT_IN_TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")

_USUAL_JSON = frozenset({"application/json", "application/json; charset=utf-8"})

#: Methods whose request body has no defined meaning.
METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD"})


Body: TypeAlias = "bytes | FormFields | Mapping[str, Any]"


class RequestDecoder:
    """Decodes requests.

    Args:
        settings: The limits of bodies.
        decoders: The decoders of plugins, by media type.
    """

    def __init__(self, settings: WebSettings, decoders: Mapping[str, BodyDecoder]) -> None:
        #: Reads bodies within their limits.
        self.body = BodyReader(settings)
        self._memory_bytes = settings.file_memory_bytes
        self._explains_forms = settings.response_format.explains_forms
        #: The decoders of bodies: our own by kind, those of plugins by media type.
        self._decoders: dict[MediaType | str, Callable[[CallContext], Awaitable[Body]]] = {
            MediaType.JSON: self._decode_json,
            MediaType.FORM: self._decode_form,
            MediaType.MULTIPART: self._decode_multipart,
        }
        for media_type, decoder in decoders.items():
            self._decoders[media_type] = partial(self._decode_with, decoder, media_type)
        #: Whether a plugin decodes JSON of some media type, such as `application/vnd.api+json`.
        self._has_json_decoders = any(name.endswith("+json") for name in decoders)
        self._accepted = ", ".join((*BUILT_IN_TYPES, *decoders))

    def decode_buffered(self, context: CallContext) -> Payload | None:
        """Return the payload of the usual request, which needs no waiting; `None` for others.

        It has no body, or JSON without a query and without path parameters, whose body arrived
        with the headers: that is parsed and validated in one step, by the pipeline.
        """
        match, query = context.match, context.query
        if match.target.inputs.has_headers:
            return None
        request = context.request
        if request.method in METHODS_WITHOUT_BODY:
            return _payload_without_body(match.parameters, query)
        if query or match.parameters:
            return None
        if request.headers.get(hdrs.CONTENT_TYPE) not in _USUAL_JSON:
            return None
        body = self.body.read_buffered(request, self.body.parsed_limit(match.route))
        return JsonPayload(body) if body else None

    async def decode(self, context: CallContext) -> Payload:
        """Return the payload of a request: the path overrides the body, and the body the query.

        A request that cannot be decoded has a payload with the error: the pipeline logs the call,
        and authentication takes precedence over the error.
        """
        request, query, match = context.request, context.query, context.match
        path = match.parameters
        try:
            if match.target.inputs.has_headers:
                return self._with_headers(request, await self._decode_sources(context), match)
            if request.method in METHODS_WITHOUT_BODY:
                return _payload_without_body(path, query)
            if (
                not query
                and not path
                and not self._has_json_decoders
                and media_type_of(request.headers.get(hdrs.CONTENT_TYPE)) is MediaType.JSON
            ):
                return JsonPayload(await self._read(context))
            return await self._decode_sources(context)
        except TypedError as error:
            return InvalidPayload(error)
        except (ConnectionError, asyncio.CancelledError, GeneratorExit):
            raise
        except OSError as error:
            return InvalidPayload(_disk_error(error, context.request_id))
        except BaseException as error:  # noqa: BLE001 - of a decoder; the pipeline logs it
            return InvalidPayload(error)

    async def _decode_sources(self, context: CallContext) -> MixedPayload:
        """Return the payload of a request with inputs of several sources.

        Raises:
            TypedError: The body cannot be decoded, is too large, or has another media type.
        """
        body = await self._decode_body(context)
        is_json = isinstance(body, FormFields) and next(iter(body), "").lstrip()[:1] == "{"
        payload = _JsonAsForm if is_json and self._explains_forms else MixedPayload
        return payload(context.match.parameters, body, parse_query(context.query))

    async def _decode_body(self, context: CallContext) -> Body:
        request = context.request
        if request.method in METHODS_WITHOUT_BODY or not request.body_exists:
            return b""
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
        media_type = content_type.partition(";")[0].strip().lower()
        decode = self._decoders.get(media_type)
        if decode is None:
            decode = self._decoders.get(media_type_of(content_type))
        if decode is not None:
            return await decode(context)
        if not await self._read(context):
            return b""
        raise HttpError(
            415,
            f"unsupported media type {content_type!r} of the body; send one of: {self._accepted}"
            if content_type
            else "the body has no Content-Type; send application/json",
            type=ErrorType.MEDIA_TYPE,
            headers=(("Accept", self._accepted),),
        )

    async def _read(self, context: CallContext) -> bytes:
        limit = self.body.parsed_limit(context.match.route)
        return await self.body.read(context.request, limit)

    async def _decode_json(self, context: CallContext) -> Body:
        return await self._read(context)

    async def _decode_form(self, context: CallContext) -> Body:
        return FormFields(parse_form(await self._read(context)))

    async def _decode_multipart(self, context: CallContext) -> Body:
        route = context.match.route
        form = await read_form(
            self.body.stream(context.request, self.body.limit(route)),
            context.request.headers["Content-Type"],
            memory_bytes=self._memory_bytes,
            fields_limit_bytes=self.body.parsed_limit(route),
            is_parsed=context.match.target.inputs.is_parsed,
        )
        context.form = form
        return FormFields(form.fields)

    async def _decode_with(
        self, decoder: BodyDecoder, media_type: str, context: CallContext
    ) -> Body:
        """Decode a body with the decoder of a plugin."""
        body = await self._read(context)
        if not body:
            return b""
        try:
            value: object = decoder.decode(body)
        except (RecursionError, ValueError) as error:
            raise MalformedRequest(f"the body is not valid {media_type}") from error
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise MalformedRequest("the body must be an object, with texts as keys")
        return value

    def _with_headers(
        self, request: web.BaseRequest, payload: MixedPayload, match: Match[RegisteredAction]
    ) -> MixedPayload:
        """Add the headers and cookies that are sources of inputs to a payload."""
        schema, headers = match.target.inputs, request.headers
        payload.headers = {n: headers.getall(n) for n in schema.header_names if n in headers}
        cookies = request.cookies
        payload.cookies = {n: [cookies[n]] for n in schema.cookie_names if n in cookies}
        for kind, sources in (("header", payload.headers), ("cookie", payload.cookies)):
            for name, values in sources.items():
                _check_encoding(f"the {kind} {name!r}", values)
        return payload


class _JsonAsForm(MixedPayload):
    """The payload of a form that is JSON, as curl sends it by default."""

    __slots__ = ()

    def parse(self, schema: InputSchema) -> Any:
        try:
            return super().parse(schema)
        except InvalidInput as error:
            error.message += (
                "; the body was read as a form, and looks like JSON: send Content-Type: "
                "application/json"
            )
            raise


def _check_encoding(source: str, values: Iterable[str]) -> None:
    """Refuse values whose bytes are not UTF-8, which aiohttp decodes to surrogates."""
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise MalformedRequest(f"{source} is not UTF-8; send ASCII or UTF-8") from None


def _payload_without_body(path: Mapping[str, list[str]], query: str) -> Payload:
    try:
        if query and path:
            return MixedPayload(path, b"", parse_query(query))
        if query:
            return TextPayload(parse_query(query))
    except TypedError as error:
        return InvalidPayload(error)
    return TextPayload(path) if path else EMPTY_PAYLOAD


def _disk_error(error: OSError, request_id: str) -> TypedError:
    """Log that an upload cannot be stored, and return the error for its client."""
    logger.error("an upload cannot be stored: %s", error, extra={"request_id": request_id})
    if error.errno in _NO_SPACE:
        return HttpError(
            507, "The server has no space to store the upload", type=ErrorType.SERVICE_UNAVAILABLE
        )
    return ServiceUnavailable("The server cannot store the upload")
