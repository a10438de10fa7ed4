"""Inputs of all types over all transports: each source has the same result, or the same problem."""

from __future__ import annotations

import json
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

import aiohttp
import pytest
import pytest_asyncio
from pydantic import BaseModel, ConfigDict, HttpUrl, Json
from pydantic.alias_generators import to_camel

import actionhero_channels.plugin as channels_plugin
import actionhero_redis.plugin as redis_plugin
import actionhero_web.plugin as web_plugin
import actionhero_websocket.plugin as websocket_plugin
from actionhero import Action, Call, Cookie, Field, Header, InvalidInput, Secret
from actionhero.application import RunMode
from actionhero.testing import RunningApp, running_app
from pytest_actionhero import CliCaller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Socket = aiohttp.ClientWebSocketResponse

SUITE = Path(__file__).parents[2] / "core" / "tests" / "json_suite" / "test_parsing.zip"


class Color(Enum):
    RED = "red"
    FIRST = 1


class Item(BaseModel):
    number: int
    name: str = "none"


class Values(BaseModel):
    """One field of each type; the name of a field is in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    text: str | None = None
    number: int | None = None
    ratio: float | None = None
    price: Decimal | None = None
    flag: bool | None = None
    day: date | None = None
    pause: timedelta | None = None
    key_id: UUID | None = None
    link: HttpUrl | None = None
    color: Color | None = None
    level: Literal[1, 2] | None = None
    sure: Literal[True] | None = None
    words: list[str] | None = None
    numbers: list[int] | None = None
    unique: set[int] | None = None
    pair: tuple[int, str] | None = None
    item: Item | None = None
    items: list[Item] | None = None
    labels: dict[str, int] | None = None
    numbers_or_one: int | list[int] | None = None
    embedded: Json[list[int]] | None = None
    password: Secret[str] | None = None
    anything: Any = None


class Echo(Action):
    """Return the inputs that are set."""

    name = "echo"
    web = ["POST /echo", "GET /echo"]

    async def run(self, inputs: Values) -> Any:
        return inputs.model_dump(mode="json", exclude_none=True)


def _of_one_field(field: str) -> type[Action]:
    """Return an action with a field in its path."""

    class InPath(Echo):
        name = f"echo:{field}"
        web = [f"GET /echo/{field}/{{{field}}}", f"POST /echo/{field}/{{{field}}}"]

    return InPath


FIELDS = [name for name in Values.model_fields if name != "anything"]


class Headers(Action):
    """Return the inputs of headers and cookies."""

    name = "headers"
    web = ["GET /headers", "POST /headers"]

    async def run(
        self,
        count: Annotated[int, Header("X-Count")],
        theme: Annotated[str, Cookie()] = "light",
        tags: Annotated[list[str], Header("X-Tag")] = [],  # noqa: B006
        *,
        call: Call,
    ) -> dict[str, Any]:
        return {"count": count, "theme": theme, "tags": tags}


class Transports:
    """The ways to send one input."""

    def __init__(self, app: RunningApp, http: aiohttp.ClientSession, socket: Socket) -> None:
        self.app = app
        self.http = http
        self.socket = socket

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Return the result, or the pointers of the problems."""
        async with self.http.request(method, f"/api{path}", **options) as response:
            document = await response.json()
        if response.status == 200:
            return document
        assert response.status == 422, document
        return [problem["pointer"] for problem in document["error"]["errors"]]

    async def path(self, name: str, text: str) -> Any:
        return await self.request("GET", f"/echo/{name}/{quote(text, safe='')}")

    async def path_and_json(self, name: str, text: str) -> Any:
        body = {to_camel(name): "other", "anything": 0}
        result = await self.request("POST", f"/echo/{name}/{quote(text, safe='')}", json=body)
        return _without_anything(result)

    async def query(self, name: str, text: str) -> Any:
        return await self.request("GET", "/echo", params={to_camel(name): text})

    async def query_and_json(self, name: str, text: str) -> Any:
        options: Any = {"params": {name: text}, "json": {"anything": 0}}
        return _without_anything(await self.request("POST", "/echo", **options))

    async def urlencoded(self, name: str, text: str) -> Any:
        return await self.request("POST", "/echo", data={name: text})

    async def multipart(self, name: str, text: str) -> Any:
        return await self.request("POST", "/echo", data=_form(name, text))

    async def multipart_file(self, name: str, text: str) -> Any:
        return await self.request("POST", "/echo", data=_form(name, text.encode(), filename="blob"))

    async def command_line(self, name: str, text: str) -> Any:
        try:
            return await CliCaller(self.app.app).call("echo", **{to_camel(name): text})
        except InvalidInput as error:
            return [problem.pointer for problem in error.problems]

    async def json(self, name: str, value: Any) -> Any:
        return await self.request("POST", "/echo", json={to_camel(name): value})

    async def json_and_query(self, name: str, value: Any) -> Any:
        options: Any = {"json": {to_camel(name): value}, "params": {"anything": "x", name: "other"}}
        return _without_anything(await self.request("POST", "/echo", **options))

    async def websocket(self, name: str, value: Any) -> Any:
        return await self.socket_call("echo", {to_camel(name): value})

    async def socket_call(self, action: str, params: dict[str, Any]) -> Any:
        """Return the result, or the pointers of the problems; the client would refuse some."""
        await self.socket.send_json(
            {"messageType": "action", "messageId": 1, "action": action, "params": params}
        )
        message = await self.socket.receive_json()
        if "response" in message:
            return message["response"]
        return [problem["pointer"] for problem in message["error"]["errors"]]


TEXT_SOURCES: list[Callable[..., Any]] = [
    Transports.path, Transports.path_and_json, Transports.query, Transports.query_and_json,
    Transports.urlencoded, Transports.multipart, Transports.multipart_file, Transports.command_line,
]  # fmt: skip
JSON_SOURCES: list[Callable[..., Any]] = [
    Transports.json, Transports.json_and_query, Transports.websocket,
]  # fmt: skip


def _form(name: str, value: str | bytes, filename: str | None = None) -> aiohttp.FormData:
    form = aiohttp.FormData()
    content_type = "application/json" if filename else None
    form.add_field(name, value, filename=filename, content_type=content_type)
    form.add_field("more", "a part that makes it multipart", content_type="text/plain")
    return form


def _without_anything(result: Any) -> Any:
    if isinstance(result, dict):
        result.pop("anything")
    return result


@pytest_asyncio.fixture
async def transports() -> AsyncIterator[Transports]:
    """Start a server, and yield its transports."""
    plugins = (web_plugin, redis_plugin, channels_plugin, websocket_plugin)
    actions = [Echo, Headers, *map(_of_one_field, FIELDS)]
    environ = {"ACTIONHERO_WEB__PORT": "0", "ACTIONHERO_WEBSOCKET__MESSAGES_PER_SECOND": "0"}
    async with running_app(*plugins, *actions, mode=RunMode.SERVER, environ=environ) as app:
        (server,) = (server for server in app.app.servers if server.name == "web")
        url = f"127.0.0.1:{server.port}"  # type: ignore[attr-defined]
        async with (
            aiohttp.ClientSession(f"http://{url}") as http,
            http.ws_connect(f"ws://{url}/api") as socket,
        ):
            yield Transports(app, http, socket)


#: A field, its text, and the result.
TEXTS: list[tuple[str, str, Any]] = [
    ("text", "a b&c=ü", "a b&c=ü"), ("number", "7", 7), ("number", "-7", -7),
    ("ratio", "1e3", 1000.0),
    ("price", "9.90", "9.90"), ("flag", "on", True), ("flag", "0", False),
    ("day", "2026-01-02", "2026-01-02"), ("pause", "PT90S", "PT1M30S"),
    ("link", "https://a.example/b", "https://a.example/b"),
    ("key_id", str(UUID(int=7)), str(UUID(int=7))), ("color", "red", "red"), ("color", "1", 1),
    ("level", "2", 2), ("sure", "true", True), ("words", "a", ["a"]), ("numbers", "7", [7]),
    ("numbers", "[7, 8]", [7, 8]), ("unique", "7", [7]), ("pair", '[1, "a"]', [1, "a"]),
    ("item", '{"number": 1}', {"number": 1, "name": "none"}),
    ("items", '[{"number": 1, "name": "a"}]', [{"number": 1, "name": "a"}]),
    ("items", '{"number": 1, "name": "a"}', [{"number": 1, "name": "a"}]),
    ("labels", '{"a": 1}', {"a": 1}), ("numbers_or_one", "7", 7), ("numbers_or_one", "[7]", [7]),
    ("embedded", "[1, 2]", [1, 2]), ("password", "hunter2", "hunter2"),
]  # fmt: skip
INVALID_TEXTS = [
    ("number", "x"), ("number", "1.5"), ("ratio", "nan"), ("ratio", "1e400"), ("ratio", "-inf"),
    ("flag", "maybe"),
    ("day", "2026-02-30"), ("color", "2"), ("level", "3"), ("sure", "false"), ("numbers", "x"),
    ("item", "x"), ("labels", "[1]"), ("embedded", "x"), ("embedded", '["x"]'),
]  # fmt: skip
#: Empty texts of these fields are absent.
NOT_TEXT = [name for name in FIELDS if name not in {"text", "password", "words"}]


async def test_texts_mean_the_same_from_every_source(transports: Transports) -> None:
    """Converted to the type of the field, alone and beside JSON."""
    for name, text, value in TEXTS:
        for source in TEXT_SOURCES:
            result = await source(transports, name, text)
            assert result == {name: value}, (source.__name__, name, text, result)


async def test_invalid_texts_are_the_same_problem_from_every_source(transports: Transports) -> None:
    """With the pointer to the field."""
    for name, text in INVALID_TEXTS:
        for source in TEXT_SOURCES:
            result = await source(transports, name, text)
            assert isinstance(result, list), (source.__name__, name, text, result)
            names = {pointer.split("/")[1] for pointer in result}
            assert names in ({name}, {to_camel(name)}), (source.__name__, name, text, result)


async def test_empty_texts_are_absent(transports: Transports) -> None:
    """Except for fields of text. An empty segment of a path is another path."""
    sources = [source for source in TEXT_SOURCES if not source.__name__.startswith("path")]
    for source in sources:
        for name in NOT_TEXT:
            assert await source(transports, name, "") == {}, (source.__name__, name)
        for name in ("text", "password"):
            assert await source(transports, name, "") == {name: ""}, (source.__name__, name)


#: A field, its value in JSON, and the result.
VALUES: list[tuple[str, Any, Any]] = [
    ("text", "a", "a"), ("number", 7, 7), ("number", 436.0, 436), ("ratio", 1, 1.0),
    ("price", "9.90", "9.90"),
    ("flag", False, False), ("day", "2026-01-02", "2026-01-02"), ("pause", "PT90S", "PT1M30S"),
    ("key_id", str(UUID(int=7)), str(UUID(int=7))), ("color", "red", "red"), ("color", 1, 1),
    ("level", 2, 2), ("level", 2.0, 2), ("sure", True, True), ("words", ["a"], ["a"]),
    ("numbers", [1.0], [1]),
    ("unique", [7, 7], [7]), ("pair", [1.0, "a"], [1, "a"]),
    ("item", {"number": 1.0}, {"number": 1, "name": "none"}),
    ("items", [{"number": 1, "name": "a"}], [{"number": 1, "name": "a"}]),
    ("labels", {"a": 1.0}, {"a": 1}),
    ("numbers_or_one", 7, 7), ("numbers_or_one", [7], [7]), ("embedded", "[1]", [1]),
]  # fmt: skip
INVALID_VALUES: list[tuple[str, Any]] = [
    ("text", 7), ("number", "7"), ("number", 436.5), ("number", 1e300), ("ratio", "1"), ("flag", 1),
    ("flag", "true"), ("day", 7), ("level", "2"), ("words", "a"), ("numbers", ["7"]),
    ("item", {"number": "1"}), ("item", '{"number": 1}'), ("labels", {"a": "1"}), ("text", "a\0"),
    ("labels", {"a\0": 1}), ("words", ["\0"]),
]  # fmt: skip


async def test_json_is_the_same_over_every_transport(transports: Transports) -> None:
    """Strict, alone and beside a query, whose other name of the field is ignored."""
    for name, value, expected in VALUES:
        for source in JSON_SOURCES:
            result = await source(transports, name, value)
            assert result == {name: expected}, (source.__name__, name, value, result)


async def test_invalid_json_values_are_the_same_problem_over_every_transport(
    transports: Transports,
) -> None:
    """With the same pointers."""
    for name, value in INVALID_VALUES:
        results = [await source(transports, name, value) for source in JSON_SOURCES]
        assert all(result == results[0] for result in results), (name, value, results)
        assert isinstance(results[0], list), (name, value, results)


async def test_the_public_json_suite_as_body_and_as_value(transports: Transports) -> None:
    """Valid documents are accepted or an input error, invalid ones are malformed."""
    with zipfile.ZipFile(SUITE) as archive:
        cases = {name: archive.read(name) for name in archive.namelist()}
    assert len(cases) == 318
    headers = {"Content-Type": "application/json"}
    for name, document in cases.items():
        for query in ({}, {"text": "x"}):
            for body in (document, b'{"anything":' + document + b"}"):
                async with transports.http.post(
                    "/api/echo", data=body, headers=headers, params=query
                ) as response:
                    text = await response.text()
                allowed = {"y": {200, 422}, "n": {400}, "i": {200, 400, 422}}[name[0]]
                if body is document:
                    # Most documents are no objects, and an empty body is an empty object.
                    allowed |= {400} if document.strip() else {200}
                assert response.status in allowed, (name, body[:80], response.status, text)


async def test_parts_with_json_are_parsed(transports: Transports) -> None:
    """With and without a file name; a text field has the text as it is."""
    for filename in ("blob", None):
        form = aiohttp.FormData()
        for name, value in (("words", ["a", "b"]), ("numbers", [1]), ("item", {"number": 1})):
            content = json.dumps(value)
            form.add_field(name, content, filename=filename, content_type="application/json")
        form.add_field("text", '["a"]', filename=filename, content_type="text/plain")
        form.add_field("labels", b"", filename="", content_type="application/octet-stream")

        assert await transports.request("POST", "/echo", data=form) == {
            "text": '["a"]',
            "words": ["a", "b"],
            "numbers": [1],
            "item": {"number": 1, "name": "none"},
        }


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Pet(Action):
    """Return a pet."""

    name = "pet"

    async def run(self, inputs: Annotated[Cat | Dog, Field(discriminator="kind")]) -> Any:
        return inputs


class Labels(Action):
    """Return the numbers."""

    name = "labels"

    async def run(self, inputs: dict[str, list[int]]) -> Any:
        return inputs


async def test_unions_and_dictionaries_are_inputs_of_the_command_line() -> None:
    """The options are the names of all members, or any names."""
    async with running_app(Pet, Labels) as app:
        cli = CliCaller(app.app)

        assert await cli.call("pet", kind="cat", lives=9) == {"kind": "cat", "lives": 9}
        assert (await cli.call("pet", kind="dog", tricks=["a", "b"]))["tricks"] == ["a", "b"]
        assert await cli.call("labels", a=1, b=[2, 3]) == {"a": [1], "b": [2, 3]}
        with pytest.raises(InvalidInput, match="--legs"):
            await cli.call("pet", kind="cat", lives=9, legs=4)


async def test_headers_and_cookies_are_inputs(transports: Transports) -> None:
    """Over HTTP from there only; over other transports like any input."""
    headers = [("X-Count", "7"), ("X-Tag", "a"), ("X-Tag", "b"), ("Cookie", "theme=dark")]
    expected = {"count": 7, "theme": "dark", "tags": ["a", "b"]}
    forged: dict[str, Any] = {"count": 8, "theme": "forged", "tags": ["x"]}
    request = transports.request

    assert await request("GET", "/headers", headers=headers) == expected
    assert await request("POST", "/headers", headers=headers, json=forged) == expected
    assert await request("POST", "/headers", headers=headers, data=forged) == expected
    assert await request("POST", "/headers", json=forged) == ["/count"]
    assert await request("GET", "/headers", params={"count": "8"}) == ["/count"]
    assert await request("GET", "/headers", headers={"x-count": "x"}) == ["/count"]
    assert await transports.socket_call("headers", forged) == forged
    cli = CliCaller(transports.app.app)
    assert await cli.call("headers", count=8, theme="forged", tags=["x"]) == forged
