"""Actions with every kind of return value and response."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from aiohttp import web

# By its own name: within an action `web` is the attribute with its routes.
from aiohttp.web import StreamResponse
from pydantic import BaseModel, Field

from actionhero import Action, Call, Inputs, InvalidInput
from actionhero import Stream as ChunkStream
from actionhero_web import Cache, HttpError, Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Value = TypeVar("Value")

logger = logging.getLogger("wireapp")


class Size(Enum):
    SMALL = "small"


class Person(BaseModel):
    name: str
    born: date = date(1815, 12, 10)
    home_town: str = Field(default="London", serialization_alias="homeTown")


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Opaque:
    pass


def _circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


VALUES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "text": lambda: "häll😀 \"quoted\"",
    "empty": dict,
    "list": lambda: [1, "two", None, 3.5, True],
    "int": lambda: 42,
    "zero": lambda: 0,
    "false": lambda: False,
    "float": lambda: 0.1,
    "nan": lambda: [float("nan"), float("inf")],
    "big": lambda: 2**70,
    "model": lambda: Person(name="Ada"),
    "models": lambda: {"people": [Person(name="Ada")]},
    "dataclass": lambda: Point(1, 2),
    "datetime": lambda: datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    "special": lambda: {
        "uuid": UUID(int=7), "decimal": Decimal("1.50"), "enum": Size.SMALL,
        "day": date(2024, 1, 2), "tuple": (1, 2), "set": {3},
    },
    "surrogate": lambda: {"text": "a\ud800b"},
    "surrogate-model": lambda: Person(name="a\ud800b"),
    "opaque": Opaque,
    "nested-opaque": lambda: {"a": [Opaque()]},
    "circular": _circular,
    "large": lambda: {"text": "compress me " * 1000},
    "kilobyte": lambda: "x" * 1022,
    "almost-kilobyte": lambda: "x" * 1021,
}  # fmt: skip


class NameInputs(Inputs):
    name: str


def create(factories: dict[str, Callable[[], Value]], name: str) -> Value:
    if name not in factories:
        raise InvalidInput(f"There is no {name}")
    return factories[name]()


class ReturnValue(Action):
    """Return a value."""

    name = "value"
    web = ["GET /value/{name}", "POST /value/{name}"]

    async def run(self, inputs: NameInputs) -> Any:
        return create(VALUES, inputs.name)


class SetCookies(Action):
    """Respond with cookies."""

    name = "cookies"
    web = "POST /cookies/{name}"

    async def run(self, inputs: NameInputs, call: Call) -> Any:
        call.connection.add_response_header("set-cookie", "first=1")
        response = web.Response(text="cookies", headers={"SET-COOKIE": "second=2"})
        response.set_cookie("third", "3")
        if inputs.name == "error":
            raise HttpError(400, "Invalid", headers=(("Set-Cookie", "second=2"),))
        if inputs.name == "raised":
            raise web.HTTPFound("/elsewhere", headers={"Set-Cookie": "second=2"})
        if inputs.name == "file":
            return web.FileResponse(__file__, headers={"Set-Cookie": "second=2"})
        if inputs.name == "written":
            request = call.connection.raw
            await response.prepare(request)
        return {"cookies": 1} if inputs.name == "value" else response


class StreamCookies(Action):
    """Stream with a cookie."""

    name = "stream-cookies"
    web = "POST /cookies"

    async def run(self, call: Call) -> AsyncIterator[int]:
        call.connection.add_response_header("set-cookie", "first=1")
        yield 1


class Stream(Action):
    """Yield several values."""

    name = "stream"
    web = "GET /stream"

    async def run(self) -> AsyncIterator[int]:
        for number in range(3):
            yield number


class Created(Action):
    """Respond with the status of the route."""

    name = "created"
    web = [
        Route.put("/created", status=201), Route.delete("/created", status=204),
        Route.post("/created", status=205), Route.patch("/created", status=299),
    ]  # fmt: skip

    async def run(self) -> dict[str, bool]:
        return {"created": True}


class ComputedStatus(Action):
    """Respond with a status computed from the value."""

    name = "computed_status"
    web = Route.get("/computed-status/{name}", status=lambda value: value["status"])

    async def run(self, inputs: NameInputs) -> dict[str, Any]:
        return {"status": int(inputs.name) if inputs.name.isdigit() else inputs.name}


#: Returned more than once, which is a mistake.
SHARED = web.Response(text="shared")
SHARED_REDIRECT = web.HTTPFound("/elsewhere")
SHARED_STREAM = web.StreamResponse()


def _with_invalid_cookie() -> web.Response:
    response = web.Response()
    response.set_cookie("name", "value", path="/\r\nX-Injected: yes")
    return response


async def _lines() -> AsyncIterator[bytes]:
    yield b"one\n"
    yield b"two\n"


def _compressed(response: StreamResponse) -> StreamResponse:
    response.enable_compression()
    return response


def _chunked(response: StreamResponse) -> StreamResponse:
    response.enable_chunked_encoding()
    return response


NATIVE: dict[str, Callable[[], StreamResponse]] = {
    "text": lambda: web.Response(text="plain <b>text</b>"),
    "headers": lambda: web.Response(
        text="text",
        headers={"X-Frame-Options": "SAMEORIGIN", "X-Custom": "yes", "X-Request-Id": "custom"},
    ),
    "redirect": lambda: web.HTTPFound("/elsewhere"),
    "file": lambda: web.FileResponse(Path(__file__)),
    "missing-file": lambda: web.FileResponse("missing", headers={"Cache-Control": "public"}),
    "folder-file": lambda: web.FileResponse(Path(__file__).parent),
    "long-file": lambda: web.FileResponse("x" * 5000),
    "teapot": lambda: web.Response(status=418, body=b"\x00\xff"),
    "large": lambda: web.Response(text="compress me " * 1000),
    "image": lambda: web.Response(body=b"\x89PNG" * 1000, content_type="image/png"),
    "unauthorized": lambda: web.Response(status=401),
    "shared": lambda: SHARED,
    "shared-redirect": lambda: SHARED_REDIRECT,
    "shared-stream": lambda: SHARED_STREAM,
    "status-99": lambda: web.Response(status=99),
    "status-199": lambda: web.Response(status=199),
    "status-600": lambda: web.Response(status=600),
    "status-1000": lambda: web.Response(status=1000),
    "crlf": lambda: web.Response(headers={"X-Name": "a\r\nSet-Cookie: b=c"}),
    "nul": lambda: web.Response(headers={"X-Name": "a\0b"}),
    "surrogate": lambda: web.Response(headers={"X-Name": "a\ud800"}),
    "utf-8": lambda: web.Response(headers={"X-Name": "\u20ac"}),
    "space": lambda: web.Response(headers={"X Name": "a"}),
    "empty-name": lambda: web.Response(headers={"": "a"}),
    "redirect-header": lambda: web.HTTPFound("/a", headers={"X-Name": "a\nb"}),
    "length": lambda: web.Response(headers={"Content-Length": "many"}),
    "longer-length": lambda: web.Response(text="short", headers={"Content-Length": "50"}),
    "short": lambda: web.Response(body=BytesIO(b"written"), headers={"Content-Length": "50"}),
    "chunked": lambda: web.Response(text="a", headers={"Transfer-Encoding": "chunked"}),
    "cookie": _with_invalid_cookie,
    "reason": lambda: web.Response(reason="a\0b"),
    "stream": lambda: web.StreamResponse(headers={"Content-Type": "text/event-stream"}),
    "zero-length": lambda: web.Response(text="abc", headers={"Content-Length": "0"}),
    "two-lengths": lambda: web.Response(
        text="abc", headers=[("Content-Length", "3"), ("Content-Length", "3")]
    ),
    "reset": lambda: web.Response(status=205, text="abc"),
    "reset-iterated": lambda: web.Response(status=205, body=_lines()),
    "not-modified": web.HTTPNotModified,
    "iterated": lambda: web.Response(body=_lines()),
    "compressed": lambda: _compressed(web.Response(text="z" * 5000, headers={"ETag": '"mine"'})),
    "compressed-empty": lambda: _compressed(web.Response()),
    "compressed-file": lambda: _compressed(web.FileResponse(__file__)),
    "author-chunked": lambda: _chunked(web.Response(text="abc")),
    "created-file": lambda: web.FileResponse(__file__, status=201),
    "not-found-file": lambda: web.FileResponse(__file__, status=404),
    "tagged-file": lambda: web.FileResponse(__file__, headers={"ETag": '"mine"'}),
    "weakly-tagged-file": lambda: web.FileResponse(__file__, headers={"ETag": 'W/"mine"'}),
}


class Native(Action):
    """Return one of aiohttp's own responses."""

    name = "native"
    web = [
        "GET /native/{name}", "POST /native/{name}",
        Route.get("/cached-native/{name}", cache=Cache(60)),
    ]  # fmt: skip

    async def run(self, inputs: NameInputs) -> StreamResponse:
        return create(NATIVE, inputs.name)


class Written(Action):
    """Write the response, and return it."""

    name = "written"
    web = Route("GET", "/written/{name}", headers=(("X-Route", "written"),))

    async def run(self, inputs: NameInputs, call: Call) -> StreamResponse:
        response = StreamResponse()
        logger.warning("writes for %s", call.request_id)
        if inputs.name == "no-content":
            response.set_status(204)
        if inputs.name == "compressed":
            response.enable_compression()
        if inputs.name.startswith("short"):
            response.content_length = 50
        await response.prepare(call.connection.raw)
        if inputs.name != "prepared":
            await response.write(b"written")
        if inputs.name == "failed":
            raise RuntimeError("in the middle")
        if inputs.name in {"complete", "short-complete"}:
            await response.write_eof()
        return response


class WrittenAndForgotten(Action):
    """Write a response, and return something else."""

    name = "written-and-forgotten"
    web = "GET /written-and-forgotten/{name}"

    async def run(self, inputs: NameInputs, call: Call) -> StreamResponse | str | None:
        response = StreamResponse()
        await response.prepare(call.connection.raw)
        await response.write(b"written")
        if inputs.name == "response":
            return web.Response(text="other")
        return None if inputs.name == "nothing" else "other"


class AddedHeader(Action):
    """Add a header to the response."""

    name = "added-header"
    web = [
        "GET /added-header/{kind}", Route.get("/cached-added-header/{kind}", cache=Cache(60)),
    ]  # fmt: skip

    async def run(
        self, kind: str, header: str, value: str, call: Call
    ) -> StreamResponse | ChunkStream | str:
        call.connection.add_response_header(header, value)
        if kind == "stream":
            return ChunkStream(self._chunks(), "text/plain")
        return web.Response(text="raw") if kind == "response" else "value"

    async def _chunks(self) -> AsyncIterator[str]:
        yield "chunk"


class RaisedRedirect(Action):
    """Raise one of aiohttp's own responses, which is an exception."""

    name = "raised"
    web = "GET /raised"

    async def run(self) -> None:
        raise web.HTTPFound("/elsewhere")
