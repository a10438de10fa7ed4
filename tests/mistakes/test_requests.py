"""The messages about mistakes in requests, and the log lines of requests."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import pytest

from actionhero import Action, Call, NotFound, RunMode, Secret, hookimpl
from actionhero.logs import call_log
from actionhero.logs.formatters import ConsoleFormatter, JsonFormatter
from actionhero.testing import RunningApp, running_app
from actionhero_web import WebSettings
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class CreateSession(Action):
    """Sign in."""

    name = "session:create"
    web = "PUT /session"

    async def run(self, email: str, password: Secret[str]) -> dict[str, int]:
        return {"id": 1}


class ShowSession(Action):
    """Show a session."""

    name = "session:show"
    web = "GET /session/{id}"

    async def run(self, id: int, call: Call) -> dict[str, int]:
        if id == 0:
            raise NotFound("no such session")
        return {"id": id}


class ResetPassword(Action):
    """Reset a password."""

    name = "password:reset"
    web: ClassVar[Any] = {"method": "GET", "path": "/reset/{token}", "status": lambda value: 202}

    async def run(self, token: Secret[str]) -> dict[str, int]:
        return {}


class Observed:
    """Observes requests, as metrics and traces do."""

    @hookimpl
    def actionhero_web_observers(self) -> list[Any]:
        return [self]

    def began(self, request: Any) -> None:
        pass

    def ended(self, request: Any, status: int | None, route: str, mark: Any) -> None:
        pass


async def serve(environment: str, *plugins: object) -> AsyncIterator[RunningApp]:
    async with running_app(
        web_plugin,
        *plugins,
        CreateSession,
        ShowSession,
        ResetPassword,
        settings=[WebSettings(port=0)],
        mode=RunMode.SERVER,
        environ={"ACTIONHERO_ENV": environment, "ACTIONHERO_APP__SECRET_KEY": "x" * 40},
    ) as app:
        app.app.pipeline.call_log = call_log
        yield app


@pytest.fixture
async def development() -> AsyncIterator[RunningApp]:
    """A server in development."""
    async for app in serve("development"):
        yield app


@pytest.fixture(params=[(), (Observed(),)], ids=["plain", "observed"])
async def production(request: pytest.FixtureRequest) -> AsyncIterator[RunningApp]:
    """A server in production."""
    async for app in serve("production", *request.param):
        yield app


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[str]]:
    """A function that sets the format of the log lines, and returns the list of them."""

    def record(formatter: Any) -> list[str]:
        written: list[str] = []

        def keep(facts: Any) -> str:
            written.append(formatter.format_call(facts))
            return ""

        monkeypatch.setattr(call_log, "enabled", True)
        monkeypatch.setattr(call_log, "_format", keep)
        monkeypatch.setattr(call_log, "_emit", lambda text: None)
        return written

    return record


async def request(app: RunningApp, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a request, and return status and document of the response."""
    url = app.app.servers[0].announcement()[0].split()[-1].removesuffix("/api")
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, json=body) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "PUT",
            "/api/sesion",
            "Action not found: PUT /api/sesion; did you mean PUT /api/session?",
        ),
        ("PUT", "/session?a=b", "Action not found: PUT /session; did you mean PUT /api/session?"),
        (
            "GET",
            "/api/sessions/7",
            "Action not found: GET /api/sessions/7; did you mean GET /api/session/{id}?",
        ),
        ("GET", "/api/zzz", "Action not found: GET /api/zzz"),
    ],
)
async def test_an_unknown_path_names_the_nearest_route_in_development(
    development: RunningApp, method: str, path: str, message: str
) -> None:
    """With the method, without the query."""
    status, document = await request(development, method, path)

    assert (status, document["error"]["message"]) == (404, message)


async def test_another_method_names_those_of_the_path(development: RunningApp) -> None:
    """In every environment: so does the header `Allow`."""
    status, document = await request(development, "GET", "/api/session")

    assert (status, document["error"]["message"]) == (
        405,
        "Method GET is not allowed; allowed: PUT, OPTIONS",
    )


async def test_an_unknown_path_names_nothing_in_production(production: RunningApp) -> None:
    """The routes are not disclosed."""
    for path in ("/api/sesion", "/session"):
        status, document = await request(production, "GET", path)

        assert (status, document["error"]["message"]) == (404, "Action not found")


async def test_log_lines_have_method_path_and_status(
    production: RunningApp, lines: Callable[[Any], list[str]]
) -> None:
    """The heading of a line in text; the inputs follow it."""
    written = lines(ConsoleFormatter(colors=False))

    await request(production, "PUT", "/api/session?next=secret", {"email": "ada@example.org"})
    await request(production, "GET", "/api/session/7")
    await request(production, "GET", "/api/session/0")
    await request(production, "GET", "/api/sesion")
    await request(production, "GET", "/api/reset/s3cret")
    await request(production, "POST", "/api/reset/s3cret")

    plain = [re.sub(r" \d+ ms", " 1 ms", line.partition("actionhero.call ")[2]) for line in written]
    assert plain[0].startswith("PUT /api/session 422 1 ms session:create outcome=")
    assert plain[1].startswith("GET /api/session/7 200 1 ms session:show request_id=")
    assert plain[2].startswith("GET /api/session/0 404 1 ms session:show outcome=")
    assert plain[3].startswith("GET /api/sesion 404 1 ms outcome=")
    assert plain[4].startswith("GET /api/reset/{token} 202 1 ms password:reset request_id=")
    assert plain[5].startswith("POST /api/reset/{token} 405 1 ms outcome=")
    assert "secret" not in "".join(written)
    assert "s3cret" not in "".join(written)


async def test_json_lines_have_method_path_and_status(
    production: RunningApp, lines: Callable[[Any], list[str]]
) -> None:
    """As separate facts."""
    written = lines(JsonFormatter())

    await request(production, "GET", "/api/session/7")

    [line] = map(json.loads, written)
    facts = {name: line[name] for name in ("method", "path", "status", "action", "outcome")}
    assert facts == {
        "method": "GET",
        "path": "/api/session/7",
        "status": 200,
        "action": "session:show",
        "outcome": "ok",
    }
