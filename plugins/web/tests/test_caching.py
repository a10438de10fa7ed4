"""The caching of responses: `Cache` of routes, entity tags, and clients with a session."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import pytest
from aiohttp import web
from aiohttp.web import FileResponse, Response

from actionhero import (
    Action,
    Call,
    Connection,
    NotFound,
    RunMode,
    Session,
    SessionStore,
    Stream,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_web import SIGNED_IN, Cache, Route, StaticFiles, WebSettings
from actionhero_web import plugin as web_plugin
from actionhero_web.responses.caching import cache_control

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOUR = timedelta(hours=1)
LONG = "all the same " * 500
COOKIE = "id=1; HttpOnly"


class Sessions(SessionStore):
    """Every client with a cookie has a session; the cookie `renewed` is renewed."""

    async def open(self, connection: Connection) -> Session:
        cookies = connection.raw.headers.get("Cookie", "")
        connection.session_id = "1" if cookies else ""
        if "renewed" in cookies:
            connection.response_headers = (("Set-Cookie", COOKIE),)
        return Session("1" if cookies else None)

    async def save(self, connection: Connection, session: Session) -> None:
        connection.session_id = "2"
        connection.response_headers = (("Set-Cookie", COOKIE),)


class Plain(Action):
    """A route without `Cache`."""

    name = "plain"
    web = "GET /plain"

    async def run(self) -> dict[str, str]:
        return {"text": "plain"}


class SignIn(Action):
    """Creates a session."""

    name = "sign-in"
    web = "POST /sign-in"

    async def run(self, call: Call) -> dict[str, str]:
        call.session["user"] = 7
        return {}


class Public(Action):
    """The same for all clients."""

    name = "public"
    web = Route.get(
        "/public",
        cache=Cache(HOUR, public=True, stale_while_revalidate=60, vary=("Accept-Language",)),
    )

    async def run(self) -> dict[str, str]:
        return {"text": LONG}


class Revalidated(Action):
    """Fresh for no time."""

    name = "revalidated"
    web = Route.get("/revalidated", cache=Cache())

    async def run(self) -> dict[str, str]:
        return {"text": "short"}


class Untagged(Action):
    """Without an entity tag."""

    name = "untagged"
    web = Route.get("/untagged", cache=Cache(60, etag=False))

    async def run(self) -> dict[str, str]:
        return {"text": "short"}


class NotStored(Action):
    """Not stored by any cache."""

    name = "not-stored"
    web = Route.get("/not-stored", cache=Cache(no_store=True))

    async def run(self) -> dict[str, str]:
        return {"text": "short"}


class Failing(Action):
    """Fails."""

    name = "failing"
    web = Route.get("/failing", cache=Cache(60, public=True))

    async def run(self) -> None:
        raise NotFound("gone")


class Native(Action):
    """Returns a response of aiohttp with headers for caches."""

    name = "native"
    web = Route.get("/native", cache=Cache(60))

    async def run(self) -> Response:
        return Response(
            text=LONG, headers={"ETag": '"mine"', "Cache-Control": "public, max-age=5, s-maxage=9"}
        )


class Cookies(Action):
    """Sets a cookie by the means of aiohttp."""

    name = "cookies"
    web = Route.get("/cookies", cache=Cache(60, public=True))

    async def run(self) -> Response:
        response = Response(text="x")
        response.set_cookie("a", "b")
        return response


class Report(Action):
    """Streams text."""

    name = "report"
    web = Route.get("/report", cache=Cache(60, public=True))

    async def run(self) -> Stream:
        async def lines() -> AsyncIterator[str]:
            yield "a,b\n"

        return Stream(lines(), "text/csv")


class Own(Action):
    """Decides on the cache by a header of the response."""

    name = "own"
    web = "GET /own"

    async def run(self, call: Call) -> dict[str, str]:
        others = call.connection.response_headers or ()
        call.connection.response_headers = (*others, ("Cache-Control", "max-age=5"))
        return {}


class Download(Action):
    """Returns a file."""

    name = "download"
    web = Route.get("/download", cache=Cache(60))

    async def run(self) -> FileResponse:
        return FileResponse(__file__)


class Huge(Action):
    """Returns a file that a test has created."""

    name = "huge"
    web = "GET /huge"
    path: ClassVar = Path()

    async def run(self) -> FileResponse:
        return FileResponse(self.path)


async def get_huge(_: web.Request) -> web.FileResponse:
    return web.FileResponse(Huge.path)


async def get_page(request: web.Request) -> web.Response:
    if "Cookie" in request.headers:
        request[SIGNED_IN] = True
    return web.Response(text="page")


async def get_file(_: web.Request) -> web.FileResponse:
    return web.FileResponse(__file__)


class Plugin:
    """Sessions, native routes and static files."""

    @hookimpl
    def actionhero_session_store(self) -> SessionStore:
        return Sessions()

    @hookimpl
    def actionhero_web_routes(self) -> list[Any]:
        return [web.get("/page", get_page), web.get("/file", get_file), web.get("/huge", get_huge)]

    @hookimpl
    def actionhero_web_static(self) -> list[StaticFiles]:
        return [StaticFiles(Path(__file__).parent, "/assets")]


async def add_cookie(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.add("Set-Cookie", "seen=1")


class CookieSignal:
    """Adds a cookie to every response by the means of aiohttp."""

    @hookimpl
    def actionhero_web_application(self, application: web.Application) -> None:
        application.on_response_prepare.append(add_cookie)


ACTIONS = (Plain, SignIn, Public, Revalidated, Untagged, NotStored, Failing, Native, Cookies,
           Report, Own, Download, Huge)  # fmt: skip


@asynccontextmanager
async def serving(*plugins: Any) -> AsyncIterator[aiohttp.ClientSession]:
    parts = (web_plugin, Plugin(), *plugins, *ACTIONS)
    settings = [WebSettings(port=0)]
    async with running_app(*parts, settings=settings, mode=RunMode.SERVER) as app:
        server: Any = app.app.servers[0]
        url = server.addresses[0].removesuffix("/api")
        async with aiohttp.ClientSession(
            url, auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
        ) as client:
            yield client


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server."""
    async with serving() as client:
        yield client


async def headers_of(
    client: aiohttp.ClientSession, path: str, method: str = "GET", **headers: str
) -> tuple[int, str | None, set[str]]:
    """Return the status, `Cache-Control`, and the names in `Vary`."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, headers=names) as response:
        await response.read()
        vary = ",".join(response.headers.getall("Vary", ()))
        names_in_vary = {name.strip() for name in vary.split(",") if name}
        return response.status, response.headers.get("Cache-Control"), names_in_vary


@pytest.mark.parametrize(
    ("path", "control"),
    [
        ("/api/plain", None),
        ("/api/public", "public, max-age=3600, stale-while-revalidate=60"),
        ("/api/revalidated", "private, no-cache"),
        ("/api/untagged", "private, max-age=60"),
        ("/api/not-stored", "no-store"),
        ("/api/report", "public, max-age=60"),
        ("/api/native", "public, max-age=5, s-maxage=9"),
        ("/api/download", "private, max-age=60"),
        ("/page", None),
        ("/assets/test_caching.py", "public, max-age=3600"),
    ],
)
async def test_a_route_decides_on_the_cache(
    client: aiohttp.ClientSession, path: str, control: str | None
) -> None:
    """For results, streams and responses of aiohttp, by `GET` and `HEAD`."""
    for method in ("GET", "HEAD"):
        status, received, vary = await headers_of(client, path, method)
        assert (status, received) == (200, control)
        assert "Cookie" not in vary


async def test_an_error_is_not_cached(client: aiohttp.ClientSession) -> None:
    """The route decides on successes."""
    status, control, vary = await headers_of(client, "/api/failing")

    assert (status, control) == (404, None)
    assert "Accept" in vary


@pytest.mark.parametrize(
    ("path", "control"),
    [
        ("/api/plain", "no-store"),
        ("/api/failing", "no-store"),
        ("/api/public", "private, max-age=3600, stale-while-revalidate=60"),
        ("/api/revalidated", "private, no-cache"),
        ("/api/not-stored", "no-store"),
        ("/api/report", "private, max-age=60"),
        ("/api/own", "max-age=5"),
        ("/api/download", "private, max-age=60"),
        ("/page", "no-store"),
    ],
)
async def test_a_response_to_a_signed_in_client_is_private(
    client: aiohttp.ClientSession, path: str, control: str
) -> None:
    """It is not stored, unless the action or the route decides otherwise."""
    _, received, vary = await headers_of(client, path, Cookie="id=1")

    assert received == control
    assert "Cookie" in vary


async def test_credentials_in_a_header_are_a_sign_in(client: aiohttp.ClientSession) -> None:
    """Such as a bearer token."""
    for path in ("/api/plain", "/page"):
        _, control, _ = await headers_of(client, path, Authorization="Bearer x")
        assert control == "no-store"


@pytest.mark.parametrize(
    ("path", "control"),
    [
        ("/api/plain", "no-store"),
        ("/api/public", "private, max-age=3600, stale-while-revalidate=60"),
        ("/api/native", "private, max-age=5"),
        ("/api/own", "private, max-age=5"),
        ("/api/report", "private, max-age=60"),
        ("/api/download", "private, max-age=60"),
    ],
)
async def test_a_response_with_the_cookie_of_the_session_is_never_public(
    client: aiohttp.ClientSession, path: str, control: str
) -> None:
    """A shared cache would send the session of one client to others."""
    async with client.get(path, headers={"Cookie": "renewed"}) as response:
        assert response.headers["Set-Cookie"] == COOKIE
        assert response.headers.getall("Cache-Control") == [control]
        assert "Cookie" in ",".join(response.headers.getall("Vary"))


async def test_every_cookie_is_private(client: aiohttp.ClientSession) -> None:
    """Also a cookie of an action without a session, and that of the sign-in."""
    for path, method, control in (
        ("/api/cookies", "GET", "private, max-age=60"),
        ("/api/sign-in", "POST", "no-store"),
    ):
        assert await headers_of(client, path, method) == (200, control, {"Cookie"})


async def test_a_cookie_of_a_native_signal_is_private() -> None:
    """On native routes, static files and actions."""
    async with serving(CookieSignal()) as client:
        for path, expected in (
            ("/page", "private"),
            ("/assets/test_caching.py", "private, max-age=3600"),
            ("/api/plain", "private"),
            ("/api/public", "private, max-age=3600, stale-while-revalidate=60"),
        ):
            _, control, vary = await headers_of(client, path)
            assert control == expected
            assert "Cookie" in vary


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
async def test_an_unchanged_result_gets_304(client: aiohttp.ClientSession, encoding: str) -> None:
    """Its headers are those of the response with the body."""
    accepted = {"Accept-Encoding": encoding}
    async with client.get("/api/public", headers=accepted) as first:
        body = await first.read()
    assert first.headers.get("Content-Encoding", "identity") == encoding
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    for method in ("GET", "HEAD"):
        for condition in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
            headers = {**accepted, "If-None-Match": condition}
            async with client.request(method, "/api/public", headers=headers) as again:
                assert (again.status, await again.read()) == (304, b"")
                for name in ("ETag", "Cache-Control", "Content-Security-Policy"):
                    assert again.headers[name] == first.headers[name]
                assert set(again.headers.getall("Vary")) == set(first.headers.getall("Vary"))
                assert "X-Request-Id" in again.headers
                assert "Content-Length" not in again.headers
    async with client.get("/api/public", headers={"If-None-Match": '"x"', **accepted}) as other:
        assert (other.status, await other.read()) == (200, body)


async def test_a_connection_continues_after_304(client: aiohttp.ClientSession) -> None:
    """There is no body that the next response could be mistaken for."""
    async with client.get("/api/revalidated") as first:
        tag = first.headers["ETag"]
    for _ in range(3):
        async with client.get("/api/revalidated", headers={"If-None-Match": tag}) as again:
            assert again.status == 304
    async with client.get("/api/revalidated") as last:
        assert await last.json() == {"text": "short"}


async def test_a_route_without_entity_tags_sends_the_result(client: aiohttp.ClientSession) -> None:
    """With `etag=False`, and without `Cache`."""
    for path in ("/api/untagged", "/api/plain"):
        async with client.get(path, headers={"If-None-Match": "*"}) as response:
            assert response.status == 200
            assert "ETag" not in response.headers


@pytest.mark.parametrize(("encoding", "tag"), [("identity", '"mine"'), ("gzip", 'W/"mine"')])
async def test_the_entity_tag_of_an_author_is_weak_if_the_body_is_compressed(
    client: aiohttp.ClientSession, encoding: str, tag: str
) -> None:
    """It is that of another representation."""
    headers = {"Accept-Encoding": encoding}
    async with client.get("/api/native", headers=headers) as first:
        assert first.headers["ETag"] == tag
    async with client.get("/api/native", headers={**headers, "If-None-Match": tag}) as again:
        assert again.status == 304
        assert again.headers["ETag"] == tag


@pytest.mark.parametrize("path", ["/api/download", "/file"])
async def test_the_ranges_of_authors_files_are_correct(
    client: aiohttp.ClientSession, path: str
) -> None:
    """For actions and native routes: `HEAD`, `If-Range`, and other units."""
    async with client.head(path, headers={"Range": "bytes=0-3"}) as head:
        assert head.status == 200
    for headers, status in (
        ({"Range": "bytes=0-3"}, 206),
        ({"Range": "bytes=0-3", "If-Range": head.headers["ETag"]}, 206),
        ({"Range": "bytes=0-3", "If-Range": '"older"'}, 200),
        ({"Range": "lines=0-3"}, 200),
    ):
        async with client.get(path, headers=headers) as response:
            assert response.status == status


@pytest.mark.parametrize("path", ["/api/huge", "/huge"])
async def test_an_authors_file_that_is_truncated_closes_the_connection(
    client: aiohttp.ClientSession, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client does not take the next response for the rest of the file."""
    huge = tmp_path / "huge.bin"
    monkeypatch.setattr(Huge, "path", huge)
    with huge.open("wb") as file:
        file.truncate(512 * 1024 * 1024)

    async with client.get(path) as response:
        os.truncate(huge, 0)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/problem+json", "application/problem+json"),
        ("Application/Problem+JSON; q=0.5, text/html", "application/problem+json"),
        ("application/json, application/problem+json", "application/problem+json"),
        ("application/json, application/problem+json;q=0.5", "application/json"),
        ("application/problem+json;q=0", "application/json"),
        ("application/problem+jsonx", "application/json"),
        ("*/*", "application/json"),
    ],
)
async def test_problem_details_are_negotiated(
    client: aiohttp.ClientSession, accept: str, content_type: str
) -> None:
    """By quality values; caches store each format."""
    for path in ("/api/failing", "/api/missing"):
        async with client.get(path, headers={"Accept": accept}) as response:
            assert response.content_type == content_type
            assert response.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_age": -1}, "max_age=-1 is neither a timedelta nor a number of seconds, or negative"),
        ({"max_age": True}, "max_age=True is neither"),
        ({"max_age": 1.5}, "max_age=1.5 is neither"),
        ({"stale_while_revalidate": 5}, "has no effect without max_age; add max_age"),
        ({"vary": "Accept"}, "vary='Accept' is not a tuple of header names"),
        ({"vary": ("a b",)}, "is not a tuple of header names"),
        ({"no_store": True, "public": True}, "no_store excludes public and max_age"),
    ],
)
def test_invalid_arguments_are_errors(arguments: dict[str, Any], message: str) -> None:
    """The message contains the remedy."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        Cache(**arguments)


def test_only_routes_that_read_are_cached() -> None:
    """A mapping may have a cache too."""
    cache = Cache(60)

    [route] = Route.parse({"method": "GET", "path": "/x", "cache": cache})
    assert route.cache is cache
    with pytest.raises(ValueError, match="responses to POST are not cached; remove cache"):
        Route("POST", "/x", cache=cache)
    with pytest.raises(ValueError, match="the cache 60 is not of type 'Cache'; write cache=Cache"):
        Route.get("/x", cache=60)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("public", "private"),
        ("max-age=5", "private, max-age=5"),
        ("PUBLIC, S-MaxAge=5, immutable", "private, immutable"),
        ("no-cache", "no-cache"),
        ("private, max-age=5", "private, max-age=5"),
        ("No-Store", "No-Store"),
    ],
)
def test_a_cookie_makes_a_header_private(control: str, expected: str) -> None:
    """Other directives are kept."""
    assert expected == cache_control(
        control, None, succeeds=True, is_signed_in=False, sets_cookie=True
    )


def test_the_import_of_cache_imports_no_server() -> None:
    """A package of actions may be used without HTTP."""
    code = "import sys; from actionhero_web import Cache; sys.exit('aiohttp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
