"""Authorization before decoding and validation: a stranger learns nothing of the inputs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
from pydantic import BaseModel
from yarl import URL

from actionhero import Action, Call, Inputs, Middleware, RunMode, SignInRequired
from actionhero.testing import running_app
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SignedIn(Middleware):
    async def authorize(self, call: Call) -> None:
        if call.connection.raw.headers.get("Authorization") is None:
            raise SignInRequired


class SecretInputs(Inputs):
    amount: int
    account: str


class Row(BaseModel):
    id: int


class StoredRow(Row):
    password_hash: str


class Transfer(Action):
    name = "transfer"
    web = "POST /transfer/{account}"
    middleware = [SignedIn()]

    async def run(self, inputs: SecretInputs) -> list[Row]:
        return [StoredRow(id=inputs.amount, password_hash="s3cret")]


class Rows(Action):
    name = "rows"
    web = "GET /rows"

    async def run(self) -> AsyncIterator[Row]:
        yield StoredRow(id=1, password_hash="s3cret")


class Misfit(Action):
    name = "misfit"
    web = "GET /misfit"

    async def run(self) -> Row:
        return {"id": "s3cret"}  # type: ignore[return-value]


@pytest.fixture(params=["standard", "actionhero"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    settings = WebSettings(port=0, error_format=request.param, body_limit_bytes=2000)
    async with running_app(
        web_plugin, Transfer, Rows, Misfit, settings=[settings], mode=RunMode.SERVER
    ) as app:
        [server] = [item for item in app.app.servers if isinstance(item, WebServer)]
        yield server.port


JSON = {"Content-Type": "application/json"}
REQUESTS: list[Any] = [
    pytest.param({"json": {"amount": "many"}}, id="invalid"),
    pytest.param({"json": {"amount": 1}}, id="valid"),
    pytest.param({"content": b"{", "headers": JSON}, id="malformed"),
    pytest.param({"content": b'"' + b"x" * 3000, "headers": JSON}, id="too-large"),
    pytest.param({"content": b"x", "headers": {"Content-Type": "text/x"}}, id="media-type"),
    pytest.param(
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, id="multipart"
    ),
    pytest.param(
        {
            "content": b"x",
            "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        },
        id="gzip",
    ),
    pytest.param({}, id="empty"),
]


@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_stranger_gets_the_same_answer_for_every_body(
    port: int, request_: dict[str, Any]
) -> None:
    """401, in both error formats."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api") as client:
        response = await client.post("/transfer/7", **request_)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
    assert "amount" not in response.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/transfer/7", 401),
        ("/api/tr%61nsfer/7", 401),
        ("/api/%74ransfer/%37/", 401),
        # The prefix has one spelling, and an encoded slash does not end a segment.
        ("/%61pi/transfer/7", 404),
        ("/api%2Ftransfer/7", 404),
        ("/x/../api/transfer/7", 404),
        ("/x/%2e%2e/api/transfer/7", 404),
    ],
)
async def test_no_spelling_of_a_path_avoids_the_guards_of_its_action(
    port: int, path: str, status: int
) -> None:
    """RFC 3986 §6.2.2.2: `%61` is the letter `a`."""
    url = URL(f"http://127.0.0.1:{port}{path}", encoded=True)
    async with aiohttp.ClientSession() as client, client.post(url, json={"amount": 1}) as response:
        assert response.status == status


async def test_the_body_of_a_stranger_is_not_read(port: int) -> None:
    """The response does not wait for the rest of the body, and closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /api/transfer/7 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )

    response = await reader.read()
    writer.close()

    assert response.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in response


async def test_an_authorized_body_is_decoded_and_validated(port: int) -> None:
    """As without authorization. The result is cut to its annotation."""
    headers = {"Authorization": "Bearer x"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api", headers=headers) as http:
        valid = await http.post("/transfer/7", json={"amount": 5})
        invalid = await http.post("/transfer/7", json={"amount": "many"})
        malformed = await http.post("/transfer/7", content=b"{", headers=JSON)

    assert valid.json() == [{"id": 5}]
    assert invalid.json()["error"]["key"] == "amount"
    assert malformed.status_code == 400


async def test_streams_are_cut_to_their_annotation(port: int) -> None:
    """Each event."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api") as client:
        response = await client.get("/rows")

    assert response.text == 'data: {"id":1}\n\n'


async def test_a_result_of_another_type_is_an_internal_error(port: int) -> None:
    """Without values."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api") as client:
        response = await client.get("/misfit")

    assert response.status_code == 500
    assert json.loads(response.text)["error"]["message"] == "Internal error"
    assert "s3cret" not in response.text
