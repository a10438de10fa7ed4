"""The example application of the guide for users of FastAPI and Celery, before and after."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest
from tests.docs.conftest import DOCS

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = DOCS / "coming-from" / "example"
SECRET = "a shared secret of the shop, long enough for its algorithm"
ISSUERS = [{"issuer": "shop", "audience": ["shop"], "algorithms": ["HS256"], "key": SECRET}]
#: Celery runs jobs in the process of the server, as its data is there.
START_BEFORE = """
import shop, uvicorn
shop.celery.conf.task_always_eager = True
uvicorn.run(shop.app, port={port}, log_level="warning")
"""
START_AFTER = """
import sys
from actionhero.cli import main
sys.argv = ["actionhero", "start", "--port", "{port}"]
main()
"""
PNG = b"\x89PNG, nearly"


@contextmanager
def started(variant: str, folder: Path) -> Iterator[str]:
    """Start a variant of the application, and return its URL."""
    port = free_port()
    program = (START_BEFORE if variant == "before" else START_AFTER).format(port=port)
    source = EXAMPLE / variant
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(source), str(EXAMPLE / "shared")]),
        "SHOP_SECRET": SECRET,
        "SHOP_PARTNER_KEY": "a-key",
        "ACTIONHERO_AUTH__ISSUERS": json.dumps(ISSUERS),
        "ACTIONHERO_APP__DATA_DIR": str(folder),
        # Of the environment of the tests, only the packages that the application uses.
        "ACTIONHERO_PLUGINS__ENABLED": "auth, tasks, web, websocket",
    }
    with subprocess.Popen([sys.executable, "-c", program], cwd=source, env=environ) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def headers(user: str, scope: str = "") -> dict[str, str]:
    """Return the header with the token of a user."""
    claims = {"sub": user, "scope": scope, "iss": "shop", "aud": "shop", "exp": 4102444800}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}


async def until_listening(client: aiohttp.ClientSession) -> None:
    """Wait until the server accepts connections."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with client.get("/health") as response:
                    assert await response.json() == {"status": "ok"}
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def use(client: aiohttp.ClientSession) -> None:
    """Use each endpoint, the socket and the jobs."""
    staff, ada = headers("grace", "books:write"), headers("ada")

    async def ask(method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with client.request(method, path, **options) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.read()

    book = {"title": "Emma", "price": 8.5, "stock": 3}
    assert (await ask("POST", "/books", json=book, headers=ada))[0] == 403
    assert (await ask("POST", "/books", json={"title": "Emma"}, headers=staff))[0] == 422
    # The cost of the book is not shown.
    assert await ask("POST", "/books", json=book, headers=staff) == (201, {"id": 1, **book})
    assert await ask("GET", "/books/1") == (200, {"id": 1, **book})
    assert (await ask("GET", "/books/7"))[0] == 404
    async with client.get("/books?text=em&limit=1") as response:
        assert await response.json() == [{"id": 1, **book}]
        assert response.headers["X-Total"] == "1"
    assert (await ask("GET", "/books?limit=0"))[0] == 422
    changed = await ask("PATCH", "/books/1", json={"price": 9}, headers=staff)
    assert changed == (200, {"id": 1, **book, "price": 9.0})

    form = aiohttp.FormData()
    form.add_field("cover", PNG, filename="emma.png", content_type="image/png")
    assert (await ask("PUT", "/books/1/cover", data=form, headers=staff))[0] == 204
    assert await ask("GET", "/books/1/cover") == (200, PNG)

    assert (await ask("GET", "/export"))[0] in {401, 403}
    async with client.get("/export", headers={"X-Partner-Key": "a-key"}) as response:
        assert await response.text() == "1,Emma,9.0\n"
        assert response.headers["Content-Disposition"] == "attachment; filename=books.csv"

    me = await ask(
        "GET", "/me", headers={**ada, "Accept-Language": "pt"}, cookies={"theme": "dark"}
    )
    assert me == (200, {"user": "ada", "language": "pt", "theme": "dark"})
    assert (await ask("GET", "/me"))[0] in {401, 403}
    assert (await ask("GET", "/me", headers={"Authorization": "Bearer x.y.z"}))[0] == 401

    async with client.ws_connect("/feed") as socket:
        await socket.send_json("?")
        assert await socket.receive_json() == {"books": 1}
        status, order = await ask("POST", "/orders", json={"book": 1, "pieces": 2}, headers=ada)
        assert (status, order["book"], order["pieces"]) == (202, 1, 2)
        assert await socket.receive_json() == {"order": order["id"], "book": "Emma"}
    assert (await ask("POST", "/orders", json={"book": 1, "pieces": 2}, headers=ada))[0] == 409
    assert (await ask("GET", f"/orders/{order['id']}", headers=staff))[0] == 404
    async with asyncio.timeout(30):
        while (await ask("GET", f"/orders/{order['id']}", headers=ada))[1]["state"] == "new":  # noqa: ASYNC110
            # The job runs in the server, which has no event for clients.
            await asyncio.sleep(0.05)

    assert (await ask("DELETE", "/books/1", headers=staff))[0] == 204
    assert (await ask("GET", "/books")) == (200, [])


@pytest.mark.parametrize("variant", ["before", "after"])
async def test_both_applications_answer_alike(variant: str, tmp_path: Path) -> None:
    """A client does not notice which one it uses, except in the body of errors."""
    with started(variant, tmp_path) as url:
        async with aiohttp.ClientSession(url) as client:
            await until_listening(client)
            await use(client)


def test_the_application_is_not_longer() -> None:
    """Lines that are not empty, with the settings file: at most 1.1 times as many."""

    def lines(variant: str) -> int:
        files = [*EXAMPLE.glob(f"{variant}/*.py"), *EXAMPLE.glob(f"{variant}/*.toml")]
        return sum(bool(line.strip()) for file in files for line in file.read_text().splitlines())

    assert lines("before") > 150
    assert lines("after") <= 1.1 * lines("before")
