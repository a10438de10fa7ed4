"""The native routes and the endpoints of the application, and an optional native middleware."""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from actionhero import Conflict, hookimpl
from actionhero_web import EncodedResponse, Endpoint

from .failures import BASE_EXCEPTIONS  # noqa: TID252 - an application in itself

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from actionhero_web import EndpointRequest


if limit := os.environ.get("WIRE_FILE_LIMIT"):
    # A full disk, for files of the server process only.
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
if folder := os.environ.get("WIRE_TEMPORARY_FOLDER"):
    tempfile.tempdir = folder


async def page(_: web.Request) -> web.Response:
    return web.Response(text="a page")


async def failing_page(_: web.Request) -> web.Response:
    raise RuntimeError("SELECT everything")


async def raising_page(request: web.Request) -> web.Response:
    raise BASE_EXCEPTIONS[request.query["name"]]("out of bounds")


async def cancelled_page(_: web.Request) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def no_response(_: web.Request) -> None:
    pass


async def text_response(_: web.Request) -> str:
    return "not a response"


#: Returned more than once, which is a mistake.
SHARED = web.Response(text="shared")
SHARED_REDIRECT = web.HTTPFound("/elsewhere")


async def shared_response(_: web.Request) -> web.Response:
    return SHARED


async def shared_redirect(_: web.Request) -> web.Response:
    raise SHARED_REDIRECT


async def invalid_header(_: web.Request) -> web.Response:
    return web.Response(headers={"X-Name": "a\r\nb"})


async def written_response(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"written")
    return response


async def typed_error(_: web.Request) -> web.Response:
    raise Conflict("taken")


#: Raised with a text of the author, and without.
OWN_ERRORS: dict[str, Callable[[], web.HTTPException]] = {
    "404": lambda: web.HTTPNotFound(text="no such book"),
    "405": lambda: web.HTTPMethodNotAllowed("GET", ["PUT"], text="only at night"),
    "413": lambda: web.HTTPRequestEntityTooLarge(5, text="too many books"),
    "404-json": lambda: web.HTTPNotFound(text="{}", content_type="application/json"),
    "404-default": web.HTTPNotFound,
    "405-default": lambda: web.HTTPMethodNotAllowed("GET", ["PUT"]),
    "413-default": lambda: web.HTTPRequestEntityTooLarge(5),
}


async def own_error(request: web.Request) -> web.Response:
    raise OWN_ERRORS[request.query["name"]]()


async def read_body(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


async def read_json(request: web.Request) -> web.Response:
    return web.json_response(len(await request.json()))


async def read_post(request: web.Request) -> web.Response:
    return web.json_response(len(await request.post()))


async def read_parts(request: web.Request) -> web.Response:
    size = 0
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        while chunk := await part.read_chunk():
            size += len(chunk)
    return web.json_response(size)


async def read_content(request: web.Request) -> web.Response:
    size = 0
    async for chunk in request.content.iter_chunked(1000):
        size += len(chunk)
    return web.json_response(size)


async def missing_file(_: web.Request) -> web.FileResponse:
    return web.FileResponse("missing")


BODY_HANDLERS: dict[str, Any] = {
    "/body/read": read_body,
    "/body/json": read_json,
    "/body/post": read_post,
    "/body/multipart": read_parts,
    "/body/content": read_content,
    "/body/unread": page,
}
HANDLERS: dict[str, Any] = {
    "/native/missing-file": missing_file,
    "/page": page,
    "/failing-page": failing_page,
    "/native/raise": raising_page,
    "/native/cancel": cancelled_page,
    "/native/none": no_response,
    "/native/str": text_response,
    "/native/shared": shared_response,
    "/native/shared-redirect": shared_redirect,
    "/native/crlf": invalid_header,
    "/native/typed-error": typed_error,
    "/native/own-error": own_error,
    "/native/written": written_response,
}


class BodyEndpoint(Endpoint):
    """Responds with the size of the body."""

    path = "/body/endpoint"

    async def respond(self, request: EndpointRequest) -> EncodedResponse:
        body = request.read_buffered() or await request.read()
        return EncodedResponse(200, b"%d" % len(body))


class AnyEndpoint(Endpoint):
    """Responds as the query says."""

    path = "/endpoint"

    async def respond(self, request: EndpointRequest) -> EncodedResponse | web.StreamResponse:
        kind = request.request.query_string.removeprefix("name=")
        if kind == "conflict":
            raise Conflict("taken")
        if kind == "crash":
            raise RuntimeError("SELECT everything")
        if kind in BASE_EXCEPTIONS:
            raise BASE_EXCEPTIONS[kind]("out of bounds")
        if kind == "written":
            response = web.StreamResponse()
            await response.prepare(request.request)
            await response.write(b"written")
            return response
        if kind == "crlf":
            return web.Response(headers={"X-Name": "a\r\nb"})
        if kind == "empty":
            return EncodedResponse(202, b"", "")
        if kind == "own":
            own = (("Access-Control-Allow-Origin", "https://own.example"), ("Vary", "Origin"))
            return EncodedResponse(200, b"{}", headers=own)
        return EncodedResponse(200, b'"%b"' % (b"x" * (5000 if kind == "large" else 5)))


@hookimpl
def actionhero_web_endpoints() -> list[Endpoint]:
    return [BodyEndpoint(), AnyEndpoint()]


@hookimpl
def actionhero_web_routes() -> list[web.AbstractRouteDef]:
    return [
        *(web.get(path, handler) for path, handler in HANDLERS.items()),
        *(web.post(path, handler) for path, handler in BODY_HANDLERS.items()),
    ]


@web.middleware
async def add_status_header(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    response.headers["X-Middleware"] = str(response.status)
    return response


@web.middleware
async def read_before(request: web.Request, handler: Handler) -> web.StreamResponse:
    await request.text()
    return await handler(request)


@hookimpl
def actionhero_web_application(application: web.Application) -> None:
    if os.environ.get("WIRE_READING_MIDDLEWARE"):
        application.middlewares.append(read_before)
    if os.environ.get("WIRE_MIDDLEWARE"):
        application.middlewares.append(add_status_header)
