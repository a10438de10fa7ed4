"""The fourth stage: `ResponseWriter` adds the headers of every response, and writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import ETag, HttpVersion11, web
from aiohttp.http import SERVER_SOFTWARE

from actionhero_web.connections.protocol import HttpProtocol
from actionhero_web.files.file_response import correct_file_response
from actionhero_web.responses.cache_headers import (
    SIGNED_IN,
    add_cache_headers,
    add_vary,
    cache_headers,
    revalidate,
    vary_by_encoding,
)
from actionhero_web.responses.challenge import CHALLENGE
from actionhero_web.responses.compression import (
    MINIMUM_BYTES,
    Encoding,
    negotiate_encoding,
    should_compress,
)
from actionhero_web.responses.cookies import remove_cookies
from actionhero_web.responses.encoded_response import JSON, VARY_BY_ACCEPT, EncodedResponse
from actionhero_web.responses.header_templates import REQUEST_ID
from actionhero_web.responses.json_response import JsonResponse
from actionhero_web.responses.native_response import close_after, compress_body

if TYPE_CHECKING:
    from actionhero_web.request_context import CallContext, RequestContext
    from actionhero_web.responses.cors import Cors
    from actionhero_web.responses.encoded_response import Headers
    from actionhero_web.responses.header_templates import HeaderTemplates

#: `HEAD` has no body. The CORS headers of `OPTIONS` take the place of the usual ones.
_METHODS_OF_AIOHTTP = frozenset({"HEAD", "OPTIONS"})


class ResponseWriter:
    """Decides headers, compression, and the end of the connection, once for every response.

    Args:
        header_templates: The headers of every response.
        cors: The CORS headers.
        compress: Whether large bodies are compressed.
    """

    def __init__(self, header_templates: HeaderTemplates, cors: Cors, *, compress: bool) -> None:
        self.header_templates = header_templates
        self.cors = cors
        self._compress = compress
        #: Whether every response must be one of aiohttp's own classes, for native middlewares.
        self.use_aiohttp_responses = False
        #: Whether the server shuts down: every response then closes its connection.
        self.draining = False

    async def write(
        self, context: RequestContext, encoded: EncodedResponse | web.StreamResponse
    ) -> Any:
        """Return the response, complete, for aiohttp's protocol, which writes it.

        Args:
            context: The request.
            encoded: The response, or the one of aiohttp's own class that an action has returned.
        """
        request = context.request
        if isinstance(encoded, EncodedResponse):
            response = self._respond(context, encoded)
            if type(response) is JsonResponse:
                return response
        elif encoded.prepared:
            return encoded
        else:
            response = encoded
            self.add_headers(request, response, context.request_id, context)
        if isinstance(response, web.Response):
            encoding = self._negotiate_encoding(request, response)
            cache = context.cache
            is_current = cache is not None and cache.etag and revalidate(request, response)
            if encoding is not None and not is_current:
                await compress_body(response, encoding)
        elif isinstance(response, web.FileResponse):
            await correct_file_response(request, response)
        return response

    def write_json(
        self,
        context: RequestContext,
        encoded: EncodedResponse | web.StreamResponse,
        *,
        closing: bool = False,
    ) -> JsonResponse | None:
        """Return the response as a `JsonResponse`, which takes far less time than aiohttp's own.

        It is possible for requests in HTTP/1.0 only if the connection is closed. The status line
        has the version 1.1 then too, which is that of the server (RFC 9110 §2.5).

        Args:
            context: The request.
            encoded: The response.
            closing: Whether it closes the connection in any case.

        Returns:
            The response; `None` if only `write` can write it.
        """
        request = context.request
        if type(encoded) is not EncodedResponse:
            return None
        body = encoded.body
        if (
            encoded.content_type == JSON
            and (len(body) < MINIMUM_BYTES or not self._compress)
            and not self.use_aiohttp_responses
            and context.cache is None
            and (closing or request.version == HttpVersion11)
            and request.method not in _METHODS_OF_AIOHTTP
        ):
            headers = encoded.headers
            if encoded.status == 401 and not any(name == CHALLENGE for name, _ in headers):
                headers = (*headers, (CHALLENGE, self.header_templates.challenge.default))
            is_signed_in = context.is_signed_in
            has_own = headers and headers != VARY_BY_ACCEPT
            if has_own and self.header_templates.has_any(headers):
                # Only the one of the author is sent.
                return None
            if has_own or is_signed_in:
                headers = cache_headers(headers, is_signed_in=is_signed_in)
            if self.cors.has_headers:
                own = {name.title() for name, _ in headers} - {"Vary"}
                pairs = self.cors.for_response(request.headers.get("Origin"))
                headers = (*headers, *(pair for pair in pairs if pair[0] not in own))
            return JsonResponse(
                encoded.status,
                self.header_templates.json(encoded.status),
                context.request_id,
                body,
                headers,
                # The unread rest of a body must not be parsed as the next request.
                closing=closing
                or not request.content.is_eof()
                or (self.draining and self._is_last_response(request)),
            )
        return None

    def write_failure(self, context: RequestContext, encoded: EncodedResponse) -> Any:
        """Return a response that closes the connection."""
        return self._respond(context, encoded, closing=True)

    def open_stream(
        self, context: CallContext, media_type: str, headers: Headers
    ) -> web.StreamResponse:
        """Return the response of a stream, without its content.

        Args:
            context: The request.
            media_type: The media type of the stream.
            headers: Its own headers.
        """
        status = context.match.route.status
        assert isinstance(status, int)  # noqa: S101 - the route of a stream has no function
        response = web.StreamResponse(status=status)
        for name, value in (*(context.connection.response_headers or ()), *headers):
            response.headers.add(name, value)
        if context.connection.is_cross_site:
            remove_cookies(response)
        response.headers["Content-Type"] = media_type
        self.add_headers(context.request, response, context.request_id, context)
        if not context.request.content.is_eof():
            close_after(response)
        return response

    def add_headers(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        request_id: str,
        context: RequestContext | None = None,
    ) -> None:
        """Add the headers of every response, and decide whether it closes the connection.

        Existing headers take precedence. Headers are not added twice: the response to an action
        that native middlewares have seen comes here again, as every native response.

        Args:
            request: The request.
            response: The response.
            request_id: The identifier of the request.
            context: The request for an action; `None` for a native response.
        """
        headers: Any = response.headers
        if headers.get("Server") == SERVER_SOFTWARE:
            # aiohttp has set it already; it exposes the versions of aiohttp and Python.
            del headers["Server"]
        templates = self.header_templates
        pairs = templates.framed if "X-Frame-Options" in headers else templates.always
        for name, value in pairs:
            if name not in headers:
                headers[name] = value
        if response.compression:
            vary_by_encoding(response)
        if response.status == 401 and CHALLENGE not in headers:
            headers[CHALLENGE] = templates.challenge.default
        if REQUEST_ID not in headers:
            headers[REQUEST_ID] = request_id
        if self.cors.has_headers:
            for name, value in self.cors.for_response(request.headers.get("Origin")):
                if name == "Vary":
                    add_vary(response, value)
                elif name not in headers:
                    headers[name] = value
        if context is None:
            is_signed_in = SIGNED_IN in request or "Authorization" in request.headers
            add_cache_headers(response, None, is_signed_in=is_signed_in)
        else:
            add_cache_headers(response, context.cache, is_signed_in=context.is_signed_in)
        if self.draining and self._is_last_response(request):
            close_after(response)

    def _respond(
        self, context: RequestContext, encoded: EncodedResponse, *, closing: bool = False
    ) -> Any:
        request = context.request
        if json_response := self.write_json(context, encoded, closing=closing):
            return json_response
        response = web.Response(
            status=encoded.status, body=encoded.body if encoded.content_type else None
        )
        if encoded.content_type:
            response.headers["Content-Type"] = encoded.content_type
        else:
            # aiohttp sets a default, also without a body.
            response.headers.pop("Content-Type", None)
        for name, value in encoded.headers:
            response.headers.add(name, value)
        self.add_headers(request, response, context.request_id, context)
        if closing or not request.content.is_eof():
            close_after(response)
        return response

    def _is_last_response(self, request: web.BaseRequest) -> bool:
        """Whether the client has sent no further request, while the server shuts down."""
        protocol = request.protocol
        return not (isinstance(protocol, HttpProtocol) and protocol.has_pipelined_requests)

    def _negotiate_encoding(
        self, request: web.BaseRequest, response: web.Response
    ) -> Encoding | None:
        """Return the encoding in which the body is to be compressed; `None` for none."""
        headers, body = response.headers, response.body
        is_encoded = response.compression or "Content-Encoding" in headers
        if is_encoded or "Content-Range" in headers or not isinstance(body, bytes):
            return None
        content_type = headers.get("Content-Type", "application/octet-stream")
        if not (self._compress and should_compress(content_type, len(body))):
            return None
        add_vary(response, "Accept-Encoding")
        encoding = negotiate_encoding(request.headers.get("Accept-Encoding", ""))
        if encoding is not None and (tag := response.etag) is not None:
            # The strong tag of an author is that of the uncompressed body.
            response.etag = ETag(tag.value, is_weak=True)
        return encoding
