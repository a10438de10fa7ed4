"""The decoders of plugins, for requests with inputs of any source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from actionhero import Action, Inputs, RunMode, hookimpl
from actionhero.testing import running_app
from actionhero_web import BodyDecoder, WebSettings
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class NameInputs(Inputs):
    name: str
    page: int = 1


class Greet(Action):
    """Greet."""

    name = "greet"
    web = ("POST /greet", "POST /pages/{page}/greet")

    async def run(self, inputs: NameInputs) -> str:
        return f"{inputs.name} {inputs.page}"


class JsonApiDecoder(BodyDecoder):
    """Decodes JSON of a media type of its own, with the inputs in `attributes`."""

    media_types = ("application/vnd.api+json",)

    def decode(self, body: bytes) -> Any:
        return json.loads(body)["attributes"]


class JsonApi:
    @hookimpl
    def actionhero_web_decoders(self) -> list[BodyDecoder]:
        return [JsonApiDecoder()]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with running_app(
        web_plugin, JsonApi(), Greet, settings=[WebSettings(port=0)], mode=RunMode.SERVER
    ) as app:
        [server] = [item for item in app.app.servers if isinstance(item, WebServer)]
        yield server.port


@pytest.mark.parametrize("path", ["/greet", "/greet?page=1", "/pages/1/greet"])
async def test_a_plugin_can_decode_json_of_another_media_type(port: int, path: str) -> None:
    """With and without a query and path parameters; other JSON is that of the server."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api") as client:
        decoded = await client.post(
            path,
            json={"attributes": {"name": "Ada"}},
            headers={"Content-Type": "application/vnd.api+json; version=1"},
        )
        other = await client.post(
            path, json={"name": "Ada"}, headers={"Content-Type": "application/merge-patch+json"}
        )
        usual = await client.post(path, json={"name": "Ada"})

    assert [decoded.json(), other.json(), usual.json()] == ["Ada 1", "Ada 1", "Ada 1"]


async def test_a_body_that_is_too_deep_for_its_decoder_is_malformed(port: int) -> None:
    """The fault is that of the client, like any other malformed body."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api") as client:
        response = await client.post(
            "/greet",
            content=b'{"attributes": ' + b"[" * 100_000,
            headers={"Content-Type": "application/vnd.api+json"},
        )

    assert response.status_code == 400
    assert response.json()["error"]["message"] == "the body is not valid application/vnd.api+json"
