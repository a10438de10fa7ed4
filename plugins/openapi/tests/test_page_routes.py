"""Where the page and what it is made of are found, and where they are not."""

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
    """Serve an application without actions of its own, and give somebody who visits it."""
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
async def test_all_that_the_page_links_to_is_there(page: str, prefix: str) -> None:
    """Wherever it is, and wherever the actions are."""
    async with served(ACTIONHERO_OPENAPI__PAGE_PATH=page, ACTIONHERO_WEB__PREFIX=prefix) as client:
        answer = await client.get(page)

        links = [
            part.partition('"')[0]
            for mark in ('src="', 'href="', 'data-document="')
            for part in answer.text.split(mark)[1:]
        ]
        found = {
            link: (await client.get(urljoin(str(answer.url), link))).status_code
            for link in links
            if not link.startswith("data:")
        }
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            200,
            "text/html; charset=utf-8",
        )
        assert len(found) == 4
        assert set(found.values()) == {200}


async def test_a_slash_behind_the_path_leads_to_the_page() -> None:
    """The links of the page would lead elsewhere from there."""
    async with served() as client:
        answer = await client.get("/docs/", follow_redirects=True)

        assert (answer.url.path, answer.status_code) == ("/docs", 200)


async def test_nothing_but_the_assets_is_served_below_the_page() -> None:
    """No file of the package around them."""
    async with served() as client:
        for name in ("page.py", "../page.py", "%2e%2e%2fpage.py", ".hidden"):
            assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_the_page_may_be_switched_off_and_the_document_with_it() -> None:
    """`page = ""` for the one, `serve = false` for both."""
    async with served(ACTIONHERO_OPENAPI__PAGE_PATH="") as client:
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/api/swagger")).status_code == 200
    async with served(ACTIONHERO_OPENAPI__SERVE="false") as client:
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/api/swagger")).status_code == 404


def test_a_title_is_text() -> None:
    """Whoever chose it."""
    assert "<title>&lt;script&gt;</title>" in page_text("/docs", "/api", "<script>")
