"""Responses of aiohttp that actions return or raise, over HTTP and over other transports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiohttp import web
from aiohttp.web import FileResponse, StreamResponse  # noqa: TC002 - read at run time

from actionhero import (
    Action,
    Call,
    Connection,
    ConnectionTypeNotFound,
    Middleware,
    Outcome,
    RunMode,
)
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.testing import running_app
from actionhero.transport import encode_outcome
from actionhero_web import WebSettings
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Annotated(Action):
    name = "annotated"
    web = "GET /annotated"

    async def run(self) -> StreamResponse:
        return web.json_response({"a": 1})


class Open(Action):
    name = "open"
    web = "GET /open"

    async def run(self) -> Any:
        return web.json_response({"a": 1})


class Unannotated(Action):
    name = "unannotated"
    web = "GET /unannotated"

    async def run(self):  # type: ignore[no-untyped-def]
        return web.json_response({"a": 1})


class Misannotated(Action):
    name = "misannotated"
    web = "GET /misannotated"

    async def run(self) -> dict[str, int]:
        return web.json_response({"a": 1})  # type: ignore[return-value]


class Respond(Middleware):
    async def after(self, call: Call, outcome: Outcome) -> Outcome:
        return Outcome(web.json_response({"a": 1}))


class Replaced(Action):
    name = "replaced"
    web = "GET /replaced"
    middleware = [Respond()]

    async def run(self) -> dict[str, int]:
        return {"a": 2}


class File(Action):
    name = "file"
    web = "GET /file"

    async def run(self) -> FileResponse:
        return web.FileResponse(Path(__file__))


class Redirect(Action):
    name = "redirect"
    web = "GET /redirect"

    async def run(self) -> dict[str, int]:
        raise web.HTTPFound("/elsewhere")


SOURCE = Path(__file__).read_bytes()
ACTIONS: list[type[Action]] = [
    Annotated, Open, Unannotated, Misannotated, Replaced, File, Redirect,
]  # fmt: skip
NAMES = [action.name for action in ACTIONS]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with running_app(
        web_plugin, *ACTIONS, settings=[WebSettings(port=0)], mode=RunMode.SERVER
    ) as app:
        [server] = [item for item in app.app.servers if isinstance(item, WebServer)]
        yield server.port


@pytest.mark.filterwarnings("ignore:returning HTTPException object is deprecated")
@pytest.mark.parametrize("name", NAMES)
async def test_responses_are_sent_over_http(port: int, name: str) -> None:
    """Returned, raised, or from `after`."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api") as client:
        response = await client.get(f"/{name}")

    if name == "redirect":
        assert (response.status_code, response.headers["Location"]) == (302, "/elsewhere")
    elif name == "file":
        assert response.content == SOURCE
    else:
        assert response.json() == {"a": 1}


@pytest.mark.parametrize("mode", [RunMode.CLI, RunMode.SERVER])
@pytest.mark.parametrize("name", NAMES)
async def test_other_transports_cannot_encode_responses(name: str, mode: RunMode) -> None:
    """Also without an HTTP server."""
    settings = [WebSettings(port=0)]
    async with running_app(web_plugin, *ACTIONS, settings=settings, mode=mode) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), name, EMPTY_PAYLOAD)

    assert isinstance(outcome.value, web.StreamResponse)
    with pytest.raises(ConnectionTypeNotFound):
        encode_outcome(outcome)


async def test_a_raised_redirect_is_the_result_of_a_call_in_process() -> None:
    """In tests without an HTTP server, too."""
    async with running_app(web_plugin, Redirect) as app:
        result = await app.call("redirect")

    assert isinstance(result, web.HTTPFound)


APPLICATION = """
from actionhero import Action


class Page(Action):
    name = "page"

    async def run(self):
        from aiohttp import web

        return web.json_response({"a": 1})


class Redirect(Action):
    name = "redirect"

    async def run(self):
        from aiohttp import web

        raise web.HTTPFound("/elsewhere")


class Thing(Action):
    name = "thing"

    async def run(self):
        return {"a": object()}


class Numbers(Action):
    name = "numbers"

    async def run(self):
        return [1, 2]
"""


def call(folder: Path, name: str, *python: str) -> subprocess.CompletedProcess[str]:
    """Call an action of the application on the command line."""
    package = folder / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "actions.py").write_text(APPLICATION)
    (folder / "actionhero.toml").write_text('app.package = "shop"\n')
    command = [sys.executable, *python, "-m", "actionhero", "--set", "plugins.enabled=web"]
    return subprocess.run(
        [*command, "call", name],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["page", "redirect"])
def test_responses_are_an_error_on_the_command_line(tmp_path: Path, name: str) -> None:
    """Without a traceback, even if the action imports aiohttp during the call."""
    process = call(tmp_path, name)

    assert (process.returncode, process.stdout) == (1, "")
    error = json.loads(process.stderr)["error"]
    assert error["type"] == "CONNECTION_TYPE_NOT_FOUND"
    assert error["message"].startswith("This response type is not supported on the command line: ")
    assert error["message"].endswith(f" of action {name!r}")


def test_a_result_that_is_not_json_is_an_error_on_the_command_line(tmp_path: Path) -> None:
    """The message names the action and the type."""
    process = call(tmp_path, "thing")

    assert (process.returncode, process.stdout) == (1, "")
    error = json.loads(process.stderr)["error"]
    assert error["type"] == "CONNECTION_ACTION_RUN"
    assert error["message"] == (
        "The result of 'thing' cannot be encoded: a value of type 'object' cannot be written as "
        "JSON; return plain data, a dataclass or a pydantic model"
    )


def test_other_results_do_not_import_aiohttp_on_the_command_line(tmp_path: Path) -> None:
    """Its import takes longer than most calls."""
    process = call(tmp_path, "numbers", "-X", "importtime")

    assert json.loads(process.stdout) == [1, 2]
    assert "actionhero_web" in process.stderr
    assert "| aiohttp" not in process.stderr.replace("|   ", "| ")
