"""Groups of routes, versions of actions, and routes for the rest of a path."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator  # noqa: TC003 - read when the application loads
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from actionhero import (
    Action,
    ActionNotFound,
    Call,
    Forbidden,
    Inputs,
    Middleware,
    PluginError,
    RunMode,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_web import Route, Routes
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from actionhero.testing import RunningApp


class Steps(Middleware):
    """Records the order of middleware in the result."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def before(self, call: Call) -> None:
        call.scratch.setdefault("steps", []).append(self.name)


class Guard(Middleware):
    """Refuses everyone."""

    requires_session = True

    async def before(self, call: Call) -> None:
        raise Forbidden("administrators only")


class Scope:
    """A requirement of a plugin."""


@asynccontextmanager
async def served(*parts: Any) -> AsyncIterator[tuple[RunningApp, aiohttp.ClientSession]]:
    """Start an application with an HTTP server, and provide a client of it."""
    environ = {"ACTIONHERO_WEB__PORT": "0"}
    async with running_app(web_plugin, *parts, mode=RunMode.SERVER, environ=environ) as app:
        (server,) = app.app.servers
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:  # type: ignore[attr-defined]
            yield app, client


async def text_of(client: aiohttp.ClientSession, path: str, method: str = "GET") -> Any:
    """Return the result of a request, or its status if it fails."""
    async with client.request(method, path) as response:
        return response.status if response.status >= 400 else await response.json()


# --- groups -------------------------------------------------------------------------------------


def test_a_group_prepends_its_prefix() -> None:
    """Also with parameters; `/` is the prefix itself."""
    team = Routes(prefix="/team/{team}/")

    assert str(team.put("/user/{id}", status=201)) == "PUT /team/{team}/user/{id}"
    assert str(team.get("/")) == "GET /team/{team}"
    assert str(team.get("/files/{name:path}")) == "GET /team/{team}/files/{name:path}"
    assert str(Routes().get("/")) == "GET /"
    assert team.put("/user", status=201, body_limit_bytes=7).body_limit_bytes == 7


def test_each_method_has_a_route() -> None:
    """As in `Route`."""
    group = Routes(prefix="/x")
    routes = [group.get("/"), group.head("/"), group.post("/"), group.put("/"), group.patch("/")]

    assert [route.method for route in (*routes, group.delete("/"))] == [
        *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    ]


def test_a_group_inside_a_group_continues_it() -> None:
    """Its prefix, middleware and requirements follow those of the outer one."""
    outer, inner = Steps("outer"), Steps("inner")
    admin = Routes(prefix="/admin", middleware=[outer], requires="a")
    reports = admin.group("/reports", middleware=[inner], requires=["b", "c"])

    route = reports.get("/{year}")

    assert str(route) == "GET /admin/reports/{year}"
    assert route.middleware == (outer, inner)
    assert route.requires == ("a", "b", "c")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prefix": "admin"}, "the path 'admin' does not start with '/'"),
        ({"prefix": "/{rest:path}"}, "matches the rest of the path; move it to the end"),
        ({"middleware": [Guard]}, "is not an instance of Middleware"),
        ({"middleware": Guard()}, "write a list, as in [SignedIn()]"),
    ],
)
def test_an_invalid_group_is_an_error(arguments: dict[str, Any], message: str) -> None:
    """When the module is imported."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        Routes(**arguments)

    assert message in str(raised.value)


def test_two_parameters_with_the_same_name_are_an_error() -> None:
    """One in the prefix, one in the path."""
    with pytest.raises(ValueError, match="two parameters named 'id'"):
        Routes(prefix="/team/{id}").get("/user/{id}")


async def test_the_middleware_of_a_group_is_outside_of_that_of_the_action() -> None:
    """Once per instance, for all routes of the action."""
    shared = Steps("shared")
    first = Routes(prefix="/first", middleware=[shared, Steps("first")])
    second = Routes(prefix="/second", middleware=[shared, Steps("second")])

    class Walk(Action):
        name = "walk"
        web = [first.get("/walk"), second.get("/walk")]
        middleware = [Steps("own")]

        async def run(self, call: Call) -> list[str]:
            return list(call.scratch["steps"])

    async with served(Walk) as (app, client):
        expected = ["shared", "first", "second", "own"]
        assert await text_of(client, "/api/first/walk") == expected
        assert await text_of(client, "/api/second/walk") == expected
        assert await app.call("walk") == expected


async def test_the_middleware_of_a_group_applies_to_every_transport() -> None:
    """Otherwise a WebSocket, which reaches every action with a route, would avoid a guard."""
    admin = Routes(prefix="/admin", middleware=[Guard()])

    class Erase(Action):
        name = "erase"
        web = admin.delete("/all")

        async def run(self) -> str:
            return "erased"

    async with served(Erase) as (app, client):
        assert await text_of(client, "/api/admin/all", "DELETE") == 403
        with pytest.raises(Forbidden):
            await app.call("erase")


async def test_middleware_in_the_requirements_runs() -> None:
    """Of a group, and of an action."""

    class OfGroup(Action):
        name = "of-group"
        web = Routes(prefix="/a", requires=Guard()).get("/b")

        async def run(self) -> None: ...

    class OfAction(Action):
        name = "of-action"
        web = "GET /c"
        requires = Guard()

        async def run(self) -> None: ...

    async with served(OfGroup, OfAction) as (_, client):
        assert await text_of(client, "/api/a/b") == 403
        assert await text_of(client, "/api/c") == 403


async def test_plugins_read_the_requirements_of_an_action() -> None:
    """Those of its groups first, then its own."""
    scope, other = Scope(), Scope()

    class Enforcing:
        @hookimpl
        def actionhero_requirement_types(self) -> list[type]:
            return [Scope]

    class Edit(Action):
        name = "edit"
        web = Routes(prefix="/admin", requires=scope).get("/edit")
        requires = [other]

        async def run(self) -> None: ...

    async with running_app(web_plugin, Enforcing(), Edit) as app:
        assert app.app.actions.find("edit").requires == (scope, other)


async def test_a_requirement_that_is_none_is_an_error() -> None:
    """Otherwise the action would be public."""

    class Edit(Action):
        name = "edit"
        web = Routes(prefix="/admin", requires="admin").get("/edit")

        async def run(self) -> None: ...

    with pytest.raises(PluginError) as raised:
        async with running_app(web_plugin, Edit):
            pass

    assert str(raised.value).startswith("action 'edit' (")
    assert str(raised.value).endswith(
        " requires 'admin', which is no requirement; write one, such as Scope('admin'), or "
        "remove it"
    )


# --- versions -----------------------------------------------------------------------------------


class First(Action):
    """Create a user."""

    name = "user:create"
    web = Route.put("/user")
    deprecated = date(2026, 1, 1)
    sunset = datetime(2027, 1, 1, 12, tzinfo=UTC)

    async def run(self) -> str:
        return "first"


class Second(Action):
    """Create a user."""

    name = "user:create"
    version = 2
    web = Route.put("/user")

    async def run(self) -> str:
        return "second"


class Labelled(Action):
    """List the users."""

    name = "user:list"
    version = 1
    web = ["GET /users", Routes(prefix="/admin").get("/")]

    async def run(self) -> str:
        return "labelled"


async def test_versions_have_paths_and_names() -> None:
    """Version 1 keeps the path and the name that it had alone."""
    async with served(First, Second) as (app, client):
        assert await text_of(client, "/api/user", "PUT") == "first"
        assert await text_of(client, "/api/v2/user", "PUT") == "second"
        assert await text_of(client, "/api/v1/user", "PUT") == 404
        assert await app.call("user:create") == "first"
        assert await app.call("user:create@1") == "first"
        assert await app.call("user:create@2") == "second"
        with pytest.raises(ActionNotFound, match="mean 'user:create@2' or 'user:create'"):
            await app.call("user:create@3")
        assert len(app.app.actions) == len(list(app.app.actions))


async def test_a_deprecated_action_has_headers() -> None:
    """By RFC 9745 and RFC 8594, also in errors and streams."""

    class Failing(Action):
        name = "failing"
        web = "GET /failing"
        deprecated = date(2026, 1, 1)

        async def run(self) -> None:
            raise Forbidden("no")

    class Streaming(Action):
        name = "streaming"
        web = "GET /streaming"
        sunset = date(2026, 7, 1)

        async def run(self) -> AsyncIterator[int]:
            yield 1

    async with served(First, Second, Failing, Streaming) as (_, client):
        async with client.put("/api/user") as response:
            assert response.headers["Deprecation"] == "@1767225600"
            assert response.headers["Sunset"] == "Fri, 01 Jan 2027 12:00:00 GMT"
        async with client.get("/api/failing") as response:
            assert response.headers["Deprecation"] == "@1767225600"
            assert "Sunset" not in response.headers
        async with client.get("/api/streaming") as response:
            assert response.headers["Sunset"] == "Wed, 01 Jul 2026 00:00:00 GMT"
        async with client.put("/api/v2/user") as response:
            assert "Deprecation" not in response.headers


async def test_a_declared_version_1_has_both_paths() -> None:
    """Without and with the version."""
    async with served(Labelled) as (_, client):
        for path in ("/api/users", "/api/v1/users", "/api/admin", "/api/v1/admin"):
            assert await text_of(client, path) == "labelled"


async def test_an_action_may_exist_only_in_a_later_version() -> None:
    """The name without a version is never another version than 1."""
    async with served(Second) as (app, client):
        assert await text_of(client, "/api/user", "PUT") == 404
        with pytest.raises(ActionNotFound):
            await app.call("user:create")


async def test_two_actions_with_the_same_version_are_an_error() -> None:
    """The message contains both."""

    class Other(Action):
        name = "user:create"
        version = 2

        async def run(self) -> None: ...

    with pytest.raises(PluginError) as raised:
        async with running_app(web_plugin, Second, Other):
            pass

    assert str(raised.value).startswith("two actions are called 'user:create@2': ")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"version": 0}, "has version = 0; write a number from 1, as in 2"),
        ({"version": "2"}, "has version = '2'; write a number from 1, as in 2"),
        ({"version": True}, "has version = True; write a number from 1, as in 2"),
        ({"deprecated": True}, "has deprecated = True; write date(2027, 1, 31), or a datetime"),
        ({"sunset": datetime(2027, 1, 1)}, "write date(2027, 1, 31), or a datetime"),  # noqa: DTZ001
        ({"deprecated": date(2027, 1, 2), "sunset": date(2027, 1, 1)}, "exchange them"),
    ],
)
async def test_an_invalid_version_or_date_is_an_error(
    attributes: dict[str, Any], message: str
) -> None:
    """When the application loads; the message contains the action and its file."""

    async def run(self: Action) -> None: ...

    action = type("Wrong", (Action,), {"name": "wrong", "run": run, **attributes})

    with pytest.raises(PluginError) as raised:
        async with running_app(action):
            pass

    assert str(raised.value).startswith(f"action 'wrong' ({__file__}:")
    assert message in str(raised.value)


# --- the rest of the path -----------------------------------------------------------------------


class FileInputs(Inputs):
    name: str


class ShowFile(Action):
    """Show a file."""

    name = "file:show"
    web = Route.get("/files/{name:path}")

    async def run(self, inputs: FileInputs) -> str:
        return inputs.name


async def test_an_action_gets_the_rest_of_the_path() -> None:
    """Decoded."""
    async with served(ShowFile) as (_, client):
        assert await text_of(client, "/api/files/a/b%20c/d.txt") == "a/b c/d.txt"
        assert await text_of(client, "/api/files") == 404


# --- limits -------------------------------------------------------------------------------------


class TextInputs(Inputs):
    text: str


class Small(Action):
    """Accept a small body."""

    name = "small"
    web = Route.post("/small", body_limit_bytes=100)

    async def run(self, inputs: TextInputs) -> int:
        return len(inputs.text)


class Large(Action):
    """Accept a body above the limit of the settings."""

    name = "large"
    web = Routes(prefix="/large").post(
        "/{text}", body_limit_bytes=30_000_000, parsed_body_limit_bytes=3_000_000
    )

    async def run(self, inputs: Rest) -> int:
        return len(inputs.rest)


class Rest(Inputs):
    text: str
    rest: str = ""


async def test_a_route_has_limits_of_its_own() -> None:
    """Smaller or larger than those of the settings, also with a path parameter."""
    async with served(Small, Large) as (_, client):
        for path, name, size, status in (
            ("/api/small", "text", 50, 200),
            ("/api/small", "text", 101, 413),
            ("/api/large/x", "rest", 2_000_000, 200),
            ("/api/large/x", "rest", 3_000_001, 413),
        ):
            body = io.BytesIO(json.dumps({name: "x" * size}).encode())
            headers = {"Content-Type": "application/json"}
            async with client.post(path, data=body, headers=headers) as response:
                assert response.status == status, (path, size)
