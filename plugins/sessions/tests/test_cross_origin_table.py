"""Every combination of origins, fetch metadata and methods, on actions and native routes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest
from aiohttp import http_parser, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp_session import get_session

from actionhero import (
    Action,
    Application,
    Authenticator,
    Call,
    Connection,
    Credentials,
    Principal,
    hookimpl,
)
from actionhero_sessions import with_session
from actionhero_web import check_origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from plugins.sessions.tests.conftest import Serve, Site


HOST = "shop.example"
ALLOWED = "https://app.example"
TRUSTED = "https://partner.example"
OTHER = "https://evil.example"
SITE, ORIGIN = "Sec-Fetch-Site", "Origin"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ROUTES = ("/api/act", "/native", "/native/session")

#: A request's headers, and whether it may use a session.
ROWS: list[tuple[list[tuple[str, str]], bool]] = [
    ([], True),
    ([(SITE, "same-origin")], True),
    ([(SITE, "none")], True),
    ([(SITE, "same-origin"), (ORIGIN, f"http://{HOST}")], True),
    # The browser knows the own origin better than a server behind a proxy that replaces `Host`.
    ([(SITE, "same-origin"), (ORIGIN, OTHER)], True),
    ([(SITE, "same-site")], False),
    ([(SITE, "cross-site")], False),
    ([(SITE, "elsewhere")], False),
    ([(SITE, "")], False),
    # A page without TLS on the same host.
    ([(SITE, "cross-site"), (ORIGIN, f"http://{HOST}")], False),
    ([(SITE, "cross-site"), (ORIGIN, "null")], False),
    ([(SITE, "cross-site"), (ORIGIN, TRUSTED)], True),
    ([(SITE, "same-site"), (ORIGIN, ALLOWED)], True),
    ([(ORIGIN, f"http://{HOST}")], True),
    ([(ORIGIN, f"HTTP://{HOST.upper()}:80")], True),
    # TLS ends at a proxy.
    ([(ORIGIN, f"https://{HOST}:443")], True),
    ([(ORIGIN, f"http://{HOST}:443")], False),
    ([(ORIGIN, f"http://{HOST}:8080")], False),
    ([(ORIGIN, f"http://www.{HOST}")], False),
    ([(ORIGIN, f"http://{HOST}/")], False),
    ([(ORIGIN, HOST)], False),
    ([(ORIGIN, "null")], False),
    ([(ORIGIN, "")], False),
    ([(ORIGIN, OTHER)], False),
    ([(ORIGIN, "null"), (ORIGIN, f"http://{HOST}")], False),
    ([(ORIGIN, f"http://{HOST}"), (ORIGIN, f"http://{HOST}")], False),
    ([(ORIGIN, TRUSTED)], True),
    ([(ORIGIN, f"{TRUSTED}/")], False),
    ([(ORIGIN, ALLOWED)], True),
]


class Act(Action):
    name = "act"
    web = [f"{method} /act" for method in METHODS if method not in {"HEAD", "OPTIONS"}]

    async def run(self, call: Call) -> str:
        return "acted"


class SignInFromEverywhere(Action):
    name = "sign:in:everywhere"
    web = "PUT /session/everywhere"
    cross_origin = True

    async def run(self, call: Call) -> None:
        call.session["userId"] = 7


class SignInOrReport(Action):
    """Sign in, and report whether the next statement is reached."""

    name = "sign:in:report"
    web = "PUT /session/report"
    steps: ClassVar[list[str]] = []

    async def run(self, call: Call) -> None:
        self.steps.append("begin")
        call.session["userId"] = 7
        self.steps.append("end")


class ApiKeys(Authenticator):
    """A key of its own header, and passwords, which browsers remember."""

    schemes = ("key", "basic")
    headers: Mapping[str, str] = {"X-Key": "key"}

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal of any credentials."""
        return Principal("ada")


async def respond(request: web.Request) -> web.Response:
    return web.Response()


async def use_session(request: web.Request) -> web.Response:
    return web.json_response(dict(await get_session(request)))


async def sign_in(request: web.Request) -> web.Response:
    (await get_session(request))["userId"] = 7
    return web.Response()


async def change_as_operator(request: web.Request) -> web.Response:
    check_origin(request, own_only=True)
    return web.Response()


async def change_as_partner(request: web.Request) -> web.Response:
    check_origin(request)
    return web.Response()


class Plugin:
    """The native routes, and the authenticator."""

    @hookimpl
    def actionhero_web_routes(self, app: Application) -> list[Any]:
        return [
            web.route("*", "/native", respond),
            web.route("*", "/native/session", with_session(app, use_session)),
            web.post("/native/sign-in", with_session(app, sign_in)),
            web.route("*", "/native/operator", change_as_operator),
            web.post("/native/partner", change_as_partner),
        ]

    @hookimpl
    def actionhero_authenticators(self) -> list[Authenticator]:
        return [ApiKeys()]


class Middlewares:
    """Ends the shortcut by which requests for actions bypass the router of aiohttp."""

    @hookimpl
    def actionhero_web_application(self, application: web.Application) -> None:
        @web.middleware
        async def middleware(request: web.Request, handler: Any) -> Any:
            return await handler(request)

        application.middlewares.append(middleware)


ENVIRON = {
    "ACTIONHERO_WEB__ALLOWED_HOSTS": "*",
    "ACTIONHERO_WEB__ALLOWED_ORIGINS": f"{ALLOWED},*",
    "ACTIONHERO_WEB__TRUSTED_ORIGINS": TRUSTED,
}


@pytest.fixture
async def site(serve: Serve) -> AsyncIterator[Site]:
    """The application with an allowed and a trusted origin."""
    async with serve(Plugin(), Act, SignInFromEverywhere, SignInOrReport, **ENVIRON) as site:
        yield site


@contextlib.asynccontextmanager
async def signed_in(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a session, and the name of the site in its requests."""
    async with httpx.AsyncClient(base_url=site.url, headers={"Host": HOST}) as client:
        response = await client.put("/api/session", json={"user": 7})
        client.cookies.clear()
        client.headers["Cookie"] = response.headers["Set-Cookie"].partition(";")[0]
        yield client


@pytest.mark.parametrize("parser", ["C", "Python"])
@pytest.mark.parametrize("routing", ["direct", "aiohttp"])
async def test_pages_of_other_sites_are_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, parser: str, routing: str
) -> None:
    """All rows, methods and routes, with both parsers of aiohttp."""
    if parser == "Python":
        python_parser = http_parser.HttpRequestParserPy
        monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", python_parser)
    plugins = [Plugin(), *([Middlewares()] if routing == "aiohttp" else [])]
    expected, actual = {}, {}
    async with serve(*plugins, Act, **ENVIRON) as site, signed_in(site) as client:
        for headers, may_use_session in ROWS:
            for method in METHODS:
                for path in ROUTES:
                    key = (method, path, str(headers))
                    expected[key] = may_use_session or method in SAFE
                    request = client.build_request(method, path)
                    pairs = [*request.headers.multi_items(), *headers]
                    response = await client.send(httpx.Request(method, request.url, headers=pairs))
                    actual[key] = response.status_code != 403

    assert actual == expected


@pytest.mark.parametrize("path", ROUTES)
async def test_requests_without_a_session_are_allowed(site: Site, path: str) -> None:
    """For pages of every site; the response sets no cookie."""
    async with httpx.AsyncClient(base_url=site.url) as client:
        response = await client.post(path, headers={ORIGIN: OTHER})

    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer token"}, 200),
        ({"X-Key": "secret"}, 200),
        # A browser adds these to requests of every page, as it does with cookies.
        ({"Authorization": "Basic YTpi"}, 403),
        ({"Authorization": "basic YTpi"}, 403),
        ({"Authorization": "Negotiate YTpi"}, 403),
        ({"Authorization": "NTLM"}, 403),
    ],
    ids=str,
)
async def test_credentials_that_no_browser_adds_are_exempt(
    site: Site, path: str, headers: dict[str, str], status: int
) -> None:
    """Tokens and keys, with and without the cookie of a session."""
    async with signed_in(site) as client:
        with_cookie = await client.post(path, headers={SITE: "cross-site", **headers})
        del client.headers["Cookie"]
        without = await client.post(path, headers={SITE: "cross-site", **headers})

    assert (with_cookie.status_code, without.status_code) == (status, status)


async def test_an_action_may_be_exempt(site: Site) -> None:
    """With the attribute `cross_origin`: it uses and changes the session."""
    async with httpx.AsyncClient(base_url=site.url) as client:
        headers = {SITE: "cross-site", ORIGIN: OTHER}
        response = await client.put("/api/session/everywhere", headers=headers)
        again = await client.put("/api/session/everywhere", headers=headers)

    assert (response.status_code, again.status_code) == (200, 200)
    assert "__session" in response.headers["Set-Cookie"]


async def test_a_sign_in_is_refused_before_it_has_effects(site: Site) -> None:
    """The assignment to the session raises, so that a transaction is rolled back."""
    SignInOrReport.steps.clear()
    async with httpx.AsyncClient(base_url=site.url) as client:
        refused = await client.put("/api/session/report", headers={ORIGIN: "null"})
        native = await client.post("/native/sign-in", headers={ORIGIN: "null"})
        assert site.keys == []
        own = await client.post("/native/sign-in")

    assert SignInOrReport.steps == ["begin"]
    assert (refused.status_code, native.status_code, own.status_code) == (403, 403, 200)
    assert refused.json()["error"]["type"] == "CONNECTION_ACTION_FORBIDDEN"
    assert native.json()["error"]["type"] == "CONNECTION_ACTION_FORBIDDEN"
    assert "Set-Cookie" not in refused.headers
    assert "Set-Cookie" not in native.headers


@pytest.mark.parametrize("path", ["/api/act", "/native/session"])
async def test_the_body_is_not_read(site: Site, path: str) -> None:
    """The response is sent before the body arrives."""
    async with signed_in(site) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(site.url).port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {client.headers['Cookie']}\r\n"
            f"Origin: {OTHER}\r\nContent-Length: 100000\r\n\r\n{{".encode()
        )
        status = await reader.readline()
        writer.close()
        await writer.wait_closed()

    assert status == b"HTTP/1.1 403 Forbidden\r\n"


async def test_a_handler_of_an_outer_application_is_protected(serve: Serve) -> None:
    """aiohttp itself sends the response, as the outer application has no error documents."""
    async with serve() as site:
        outer = web.Application()
        outer.router.add_post("/sign-in", with_session(site.app.app, sign_in))
        async with TestClient(TestServer(outer)) as client:
            own = await client.post("/sign-in", headers={SITE: "same-origin"})
            changed = await client.post("/sign-in", headers={SITE: "cross-site"})
            client.session.cookie_jar.clear()
            signed_in = await client.post("/sign-in", headers={SITE: "cross-site"})

    assert (own.status, changed.status, signed_in.status) == (200, 403, 403)


async def test_an_expired_session_is_refused_like_others(site: Site) -> None:
    """The response is the same whether the user is signed in or not."""
    async with signed_in(site) as client:
        await client.delete("/api/session")
        response = await client.delete("/api/sessions", headers={ORIGIN: OTHER})

    assert response.status_code == 403


async def test_a_native_route_checks_requests_without_a_session(site: Site) -> None:
    """With `check_origin`, for users that it identifies itself."""
    async with httpx.AsyncClient(base_url=site.url, headers={"Host": HOST}) as client:

        async def statuses(origin: str) -> list[int]:
            headers = {ORIGIN: origin}
            return [
                (await client.post("/native/operator", headers=headers)).status_code,
                (await client.get("/native/operator", headers=headers)).status_code,
                (await client.post("/native/partner", headers=headers)).status_code,
            ]

        assert await statuses(f"http://{HOST}") == [200, 200, 200]
        assert await statuses(TRUSTED) == [403, 200, 200]
        assert await statuses(OTHER) == [403, 200, 403]


async def test_an_operator_page_is_protected_even_if_sessions_are_not(serve: Serve) -> None:
    """`own_only` does not depend on the setting."""
    async with (
        serve(Plugin(), ACTIONHERO_WEB__CROSS_ORIGIN_PROTECTION="false") as site,
        httpx.AsyncClient(base_url=site.url) as client,
    ):
        operator = await client.post("/native/operator", headers={ORIGIN: OTHER})
        partner = await client.post("/native/partner", headers={ORIGIN: OTHER})

    assert (operator.status_code, partner.status_code) == (403, 200)


async def test_the_original_format_opens_no_session_for_other_sites(serve: Serve) -> None:
    """There, every response sets the cookie, also that for an unknown path."""
    async with (
        serve(Act, ACTIONHERO_WEB__ERROR_FORMAT="actionhero") as site,
        httpx.AsyncClient(base_url=site.url) as client,
    ):
        own = await client.post("/api/unknown")
        client.cookies.clear()
        unknown = await client.post("/api/unknown", headers={ORIGIN: OTHER})
        action = await client.post("/api/act", headers={ORIGIN: OTHER})
        signed_in = await client.put("/api/session", json={"user": 7}, headers={ORIGIN: OTHER})

    assert "Set-Cookie" in own.headers
    assert "Set-Cookie" not in unknown.headers
    assert (action.status_code, "Set-Cookie" in action.headers) == (200, False)
    assert signed_in.json()["error"]["type"] == "CONNECTION_CHANNEL_AUTHORIZATION"
    assert signed_in.status_code == 403
