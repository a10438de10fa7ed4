"""The routes of the page and its assets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import httpx
import pytest

from actionhero import RunMode
from actionhero.testing import running_app
from actionhero_openapi import plugin as openapi_plugin
from actionhero_openapi.page import page_text
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def served(**environ: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an application without actions, and yield a client."""
    environ = {"PORT": "0", **environ}
    async with running_app(
        web_plugin, openapi_plugin, environ=environ, mode=RunMode.SERVER
    ) as running:
        server = next(item for item in running.app.servers if isinstance(item, WebServer))
        port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client


@pytest.mark.parametrize(
    ("page", "prefix"),
    [("/docs", "/api"), ("/docs", ""), ("/reference/api", "/api"), ("/a/b/c", "/v1/api")],
)
async def test_all_links_of_the_page_work(page: str, prefix: str) -> None:
    """For every path of the page, and every prefix of the actions."""
    async with served(ACTIONHERO_OPENAPI__PAGE_PATH=page, ACTIONHERO_WEB__PREFIX=prefix) as client:
        response = await client.get(page)

        links = [
            part.partition('"')[0]
            for attribute in ('src="', 'href="', 'data-document="')
            for part in response.text.split(attribute)[1:]
        ]
        statuses = {
            link: (await client.get(urljoin(str(response.url), link))).status_code
            for link in links
            if not link.startswith("data:")
        }
        assert (response.status_code, response.headers["Content-Type"]) == (
            200,
            "text/html; charset=utf-8",
        )
        assert len(statuses) == 4
        assert set(statuses.values()) == {200}


async def test_a_trailing_slash_redirects_to_the_page() -> None:
    """The relative links of the page would not work there."""
    async with served() as client:
        response = await client.get("/docs/", follow_redirects=True)

        assert (response.url.path, response.status_code) == ("/docs", 200)


async def test_only_assets_are_served_below_the_page() -> None:
    """No other file of the package."""
    async with served() as client:
        for name in ("page.py", "../page.py", "%2e%2e%2fpage.py", ".hidden"):
            assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_the_page_and_the_document_can_be_disabled() -> None:
    """`page_path = ""` disables the page, `serve = false` both."""
    async with served(ACTIONHERO_OPENAPI__PAGE_PATH="") as client:
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/api/swagger")).status_code == 200
    async with served(ACTIONHERO_OPENAPI__SERVE="false") as client:
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/api/swagger")).status_code == 404


def test_the_title_is_escaped() -> None:
    """It may contain any text."""
    assert "<title>&lt;script&gt;</title>" in page_text("/docs", "/api", "<script>")
