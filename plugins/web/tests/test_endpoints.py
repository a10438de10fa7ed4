"""Endpoints of plugins: their place before aiohttp's router, and the checks that precede them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

import actionhero_web.plugin
from actionhero import App, PluginError, RunMode, hookimpl
from actionhero.settings import read_sources
from actionhero_web import EncodedResponse, Endpoint, build_application

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_web import EndpointRequest


class Echo(Endpoint):
    """Responds with what it knows of the request."""

    path = "/echo"

    async def respond(self, request: EndpointRequest) -> EncodedResponse:
        is_routed = request.request._match_info is not None
        identity = f'"{request.request_id}","{request.remote}"'.encode()
        headers: tuple[tuple[str, str], ...] = ()
        if "own" in request.request.raw_path:
            headers = (("Access-Control-Allow-Origin", "https://own.example"), ("Vary", "Origin"))
        body = b'[%b,%d,"%b"]' % (identity, is_routed, request.request.method.encode())
        return EncodedResponse(200, body, headers=headers)


class Small:
    """A plugin with endpoints."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.endpoints = endpoints

    @hookimpl
    def actionhero_web_endpoints(self) -> tuple[Endpoint, ...]:
        return self.endpoints


def application(folder: Path, *endpoints: Endpoint, **environ: str) -> web.Application:
    """Return an application with endpoints."""
    plugins = [actionhero_web.plugin, Small(*endpoints)]
    app = App.from_plugins(plugins, read_sources(folder, environ=environ), RunMode.SERVER)
    return build_application(app)


async def get(built: web.Application, target: str = "/echo", **headers: str) -> tuple[Any, Any]:
    """Return the response to a request, and its JSON."""
    async with TestClient(TestServer(built)) as client:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        # Otherwise, the client decodes the target.
        url = URL(str(client.make_url("/")).rstrip("/") + target, encoded=True)
        response = await client.session.post(url, headers=sent)
        return response, await response.json()


async def test_requests_bypass_the_router(tmp_path: Path) -> None:
    response, value = await get(application(tmp_path, Echo()))

    assert value == [response.headers["X-Request-Id"], "127.0.0.1", 0, "POST"]


async def test_another_spelling_of_the_path_is_routed(tmp_path: Path) -> None:
    response, value = await get(application(tmp_path, Echo()), "/%65cho")

    assert value == [response.headers["X-Request-Id"], "127.0.0.1", 1, "POST"]


async def test_an_outer_application_reads_the_response(tmp_path: Path) -> None:
    classes = []

    @web.middleware
    async def outside(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        classes.append(type(response))
        return response

    outer = web.Application(middlewares=[outside])
    outer.add_subapp("/below", application(tmp_path, Echo()))
    _, value = await get(outer, "/below/echo")

    assert value[2:] == [1, "POST"]
    assert classes == [web.Response]


async def test_pages_of_other_sites_with_credentials_of_browsers_are_refused(
    tmp_path: Path,
) -> None:
    """As for native routes and actions."""
    built = application(tmp_path, Echo())
    response, document = await get(built, Sec_Fetch_Site="cross-site", Authorization="Basic eDp5")

    assert response.status == 403
    assert document["error"]["request_id"] == response.headers["X-Request-Id"]


async def test_responses_with_credentials_are_not_cached(tmp_path: Path) -> None:
    response, _ = await get(application(tmp_path, Echo()), Authorization="Bearer x")

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Cookie"


async def test_headers_of_an_endpoint_take_precedence(tmp_path: Path) -> None:
    """Each header for pages of other origins is sent once."""
    built = application(tmp_path, Echo(), ACTIONHERO_WEB__ALLOWED_ORIGINS="https://app.example.com")
    origin = "https://app.example.com"
    usual, _ = await get(built, Origin=origin)
    built = application(tmp_path, Echo(), ACTIONHERO_WEB__ALLOWED_ORIGINS="https://app.example.com")
    own, _ = await get(built, "/echo?own", Origin=origin)

    assert usual.headers.getall("Access-Control-Allow-Origin") == [origin]
    assert own.headers.getall("Access-Control-Allow-Origin") == ["https://own.example"]


def test_two_endpoints_at_one_path_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="two plugins have an endpoint at '/echo': "):
        application(tmp_path, Echo(), Echo())


async def test_a_slash_at_the_end_is_the_same_path(tmp_path: Path) -> None:
    class Other(Echo):
        path = "/other"

        async def respond(self, request: EndpointRequest) -> EncodedResponse:
            return EncodedResponse(200, b'"other"')

    class Slash(Other):
        path = "/other/"

        async def respond(self, request: EndpointRequest) -> EncodedResponse:
            return EncodedResponse(200, b'"slash"')

    async def body_of(path: str) -> Any:
        return (await get(application(tmp_path, Echo(), Other(), Slash()), path))[1]

    assert (await body_of("/echo/"))[3] == "POST"
    assert await body_of("/other") == "other"
    assert await body_of("/other/") == "slash"
