"""The `curl` commands after the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Action, App, Call, Field, Inputs, Middleware, Secret, SignedIn, hookimpl
from actionhero.settings.sources import Sources
from actionhero_web import plugin as web_plugin
from actionhero_web.routes.examples import curl_commands

if TYPE_CHECKING:
    from pathlib import Path


class Guard(Middleware):
    """May refuse calls for reasons that it does not declare."""


class SearchInputs(Inputs):
    text: str = Field(examples=["Ada & Bob"])
    limit: int = 10


class Search(Action):
    name = "search"
    web = "GET /search/{text}"

    async def run(self, inputs: SearchInputs, call: Call) -> None: ...


class IdInputs(Inputs):
    id: int


class View(Action):
    name = "view"
    web = "GET /views/{id}"

    async def run(self, inputs: IdInputs, call: Call) -> None: ...


class ShortInputs(Inputs):
    text: str = Field(min_length=10, examples=["short"])


class Invalid(Action):
    name = "invalid"
    web = "GET /invalid"

    async def run(self, inputs: ShortInputs, call: Call) -> None: ...


class TokenInputs(Inputs):
    token: Secret[str] = Field(examples=["abc"])


class Login(Action):
    name = "login"
    web = "GET /login"

    async def run(self, inputs: TokenInputs, call: Call) -> None: ...


class Guarded(Action):
    name = "guarded"
    web = "GET /guarded"
    middleware = [Guard()]

    async def run(self, call: Call) -> None: ...


class Personal(Action):
    name = "personal"
    web = "GET /personal"
    requires = SignedIn()

    async def run(self, call: Call) -> None: ...


class Change(Action):
    name = "change"
    web = "POST /change"

    async def run(self, call: Call) -> None: ...


class Plugin:
    @hookimpl
    def actionhero_actions(self) -> list[Any]:
        return [Search, View, Invalid, Login, Guarded, Personal, Change]


def test_commands_need_no_credentials_and_have_valid_inputs(tmp_path: Path) -> None:
    """Only GET, no middleware that may refuse, and inputs from the examples of fields."""
    sources = Sources(root=tmp_path, environment="development")
    app = App.from_plugins([web_plugin, Plugin()], sources)
    app.raise_for_problems()

    commands = curl_commands(app, "http://localhost:8080/api")

    assert commands == [
        "curl http://localhost:8080/api/search/Ada%20%26%20Bob",
        "curl http://localhost:8080/api/status",
    ]
