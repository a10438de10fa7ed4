"""Tests of limits over HTTP: statuses, headers, the address behind proxies, and the document."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any

import aiohttp
import http_sf
import pytest

from actionhero import Action, Inputs, RunMode
from actionhero_limits import Limit
from actionhero_openapi import OpenApiDocument
from actionhero_openapi import plugin as openapi_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Search(Action):
    """Find pages."""

    name = "search"
    web = "GET /search"
    limit = Limit("30/day", burst=2)

    async def run(self) -> str:
        return "found"


class ExportInputs(Inputs):
    pages: int


class Export(Action):
    """Export pages."""

    name = "export"
    web = "POST /export"
    limit = [Limit("5/hour"), Limit("96/2days", by="all", name="exports")]

    async def run(self, inputs: ExportInputs) -> str:
        return "exported"


class Plain(Action):
    """Has no limit."""

    name = "plain"
    web = "GET /plain"

    async def run(self) -> str:
        return "plain"


ORIGINAL = {"ACTIONHERO_WEB__ERROR_FORMAT": "actionhero"}


@pytest.fixture
def site(limited_app: Any) -> Any:
    """Return a function that serves the actions, and yields a client."""

    @contextlib.asynccontextmanager
    async def serve(
        *actions: type[Action], environ: dict[str, str] | None = None, **settings: Any
    ) -> AsyncIterator[aiohttp.ClientSession]:
        variables = {
            "ACTIONHERO_REDIS__MODE": "memory",
            "ACTIONHERO_WEB__PORT": "0",
            **(environ or {}),
        }
        plugins = (web_plugin, *(actions or (Search, Export, Plain)))
        async with limited_app(*plugins, environ=variables, mode=RunMode.SERVER, **settings) as app:
            server = next(each for each in app.app.servers if isinstance(each, WebServer))
            async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}/api/") as client:
                yield client

    return serve


def rate_limit_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers of limits, their times rounded up to minutes."""
    names = ("ratelimit", "x-ratelimit", "retry-after")
    return {
        name: re.sub(r"(?<=t=)\d+|^\d+$", _in_minutes, value)
        for name, value in response.headers.items()
        if name.lower().startswith(names)
    }


def _in_minutes(seconds: re.Match[str]) -> str:
    return f"{-(-int(seconds[0]) // 60)} min"


async def test_headers_of_accepted_and_refused_calls(site: Any) -> None:
    async with site() as client:
        responses = [await client.get("search") for _ in range(3)]
        document = await responses[2].json()

    policy = {"RateLimit-Policy": '"search";q=30;w=86400'}
    assert [(each.status, rate_limit_headers(each)) for each in responses] == [
        (200, {**policy, "RateLimit": '"search";r=1;t=48 min'}),
        (200, {**policy, "RateLimit": '"search";r=0;t=96 min'}),
        (429, {**policy, "RateLimit": '"search";r=0;t=96 min', "Retry-After": "48 min"}),
    ]
    error = document["error"]
    assert error["type"] == "CONNECTION_RATE_LIMITED"
    seconds = int(responses[2].headers["Retry-After"])
    assert error["message"] == f"Too many requests. Try again in {seconds} s."
    assert error["retry_after"] == seconds


async def test_headers_are_structured_fields(site: Any) -> None:
    async with site() as client:
        response = await client.post("export", json={"pages": 1})

    policies: Any = http_sf.parse(response.headers["RateLimit-Policy"].encode(), tltype="list")
    limits: Any = http_sf.parse(response.headers["RateLimit"].encode(), tltype="list")
    assert policies == [("export", {"q": 5, "w": 3600}), ("exports", {"q": 96, "w": 172_800})]
    assert [(name, values["r"]) for name, values in limits] == [("export", 4), ("exports", 95)]
    assert 600 < limits[0][1]["t"] <= 720
    assert 1700 < limits[1][1]["t"] <= 1800


async def test_actions_without_limits_have_no_headers(site: Any) -> None:
    async with site() as client:
        response = await client.get("plain")

    assert response.status == 200
    assert rate_limit_headers(response) == {}


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("standard", {"RateLimit", "RateLimit-Policy"}),
        ("legacy", {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}),
        (
            "both",
            {
                "RateLimit",
                "RateLimit-Policy",
                "X-RateLimit-Limit",
                "X-RateLimit-Remaining",
                "X-RateLimit-Reset",
            },
        ),
        ("none", set()),
    ],
)
async def test_styles_of_headers(site: Any, style: str, names: set[str]) -> None:
    async with site(headers=style) as client:
        accepted, _, refused = [await client.get("search") for _ in range(3)]

    assert set(rate_limit_headers(accepted)) == names
    assert set(rate_limit_headers(refused)) == names | {"Retry-After"}


async def test_errors_of_an_action_have_the_headers(site: Any) -> None:
    async with site() as client:
        response = await client.post("export", json={"pages": "many"})

    assert response.status == 422
    assert "RateLimit" in response.headers


async def test_the_original_format(site: Any) -> None:
    """Its headers, message, order and envelope; a call with invalid inputs is not counted."""

    class Count(Action):
        """Count."""

        name = "count"
        web = "GET /count"
        limit = Limit("2/minute")

        async def run(self, inputs: ExportInputs) -> str:
            return "counted"

    async with site(Count, environ=ORIGINAL) as client:
        invalid = await client.get("count")
        responses = [await client.get("count", params={"pages": 1}) for _ in range(3)]
        error = (await responses[2].json())["error"]

    assert invalid.status == 406
    assert rate_limit_headers(invalid) == {}
    assert [each.status for each in responses] == [200, 200, 429]
    assert [each.headers["X-RateLimit-Remaining"] for each in responses] == list("100")
    assert {each.headers["X-RateLimit-Limit"] for each in responses} == {"2"}
    assert int(responses[0].headers["X-RateLimit-Reset"]) % 60 == 0
    assert "RateLimit" not in responses[0].headers
    seconds = int(responses[2].headers["Retry-After"])
    assert 1 <= seconds <= 60
    assert error["type"] == "CONNECTION_RATE_LIMITED"
    assert error["message"] == f"Rate limit exceeded. Try again in {seconds} seconds."
    assert "retry_after" not in error


async def test_the_body_of_a_refused_call_is_not_read(site: Any) -> None:
    """The client has sent none of it when the response arrives."""
    upload = type("Upload", (Export,), {"name": "upload", "limit": Limit("1/hour", by="all")})
    async with site(upload) as client:
        assert (await client.post("export", json={"pages": 1})).status == 200
        reader, writer = await _connect(client)
        writer.write(b"POST /api/export HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n")

        assert (await reader.readline()).startswith(b"HTTP/1.1 429 ")

        writer.close()


async def _connect(client: aiohttp.ClientSession) -> Any:
    base = client._base_url
    assert base is not None
    return await asyncio.open_connection(base.host, base.port)


async def test_forged_forwarding_headers_do_not_change_the_address(site: Any) -> None:
    async with site() as client:
        statuses = [
            (await client.get("search", headers={"X-Forwarded-For": f"192.0.2.{n}"})).status
            for n in range(4)
        ]

    assert statuses == [200, 200, 429, 429]


async def test_addresses_behind_a_trusted_proxy(site: Any) -> None:
    """The last entry is that of the proxy, and those before it are of the client."""
    environ = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with site(environ=environ) as client:
        statuses = [
            (await client.get("search", headers={"X-Forwarded-For": forwarded})).status
            for forwarded in (
                "198.51.100.7",
                "192.0.2.1, 198.51.100.7",
                "192.0.2.2, 198.51.100.7",
                "198.51.100.8",
            )
        ]

    assert statuses == [200, 200, 429, 200]


async def test_the_document_has_429_for_limited_actions_only(limited_app: Any) -> None:
    async with limited_app(web_plugin, openapi_plugin, Search, Plain) as app:
        paths = OpenApiDocument(app.app).to_dict()["paths"]

    search, plain = (paths[path]["get"]["responses"] for path in ("/search", "/plain"))
    assert "429" not in plain
    assert set(search["429"]["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    assert set(search["200"]["headers"]) == {"RateLimit", "RateLimit-Policy"}
    assert "headers" not in plain["200"]
