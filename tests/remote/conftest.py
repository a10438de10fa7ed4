"""A server in a process of its own, and a folder of a user far from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.conftest import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import CompletedCommand, RunningCommand

ACTIONS = '''
"""Actions with inputs, results and errors of every kind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Literal

from aiohttp import web

from actionhero import (
    Action,
    Call,
    Cookie,
    ErrorType,
    Event,
    Field,
    File,
    Header,
    Inputs,
    Scope,
    Secret,
    Stream,
    TypedError,
)


class Address(Inputs):
    city: str
    zip: int | None = None


class EchoInputs(Inputs):
    name: str = Field(min_length=2, description="The name.")
    count: int = Field(default=1, description="The count.")
    ratio: float | None = None
    loud: bool = False
    tags: list[str] = []
    numbers: list[int] = []
    day: date | None = None
    color: Literal["red", "blue"] = "red"
    first_name: str | None = None
    due_day: str | None = Field(default=None, alias="due-day")
    address: Address | None = None
    people: list[Address] = []
    table: dict[str, int] = {}
    password: Secret[str] = "changeme"


class Echo(Action):
    """Return the inputs.

    And a second sentence.
    """

    name = "book:echo"
    web = "POST /echo"

    async def run(self, inputs: EchoInputs, call: Call) -> dict[str, Any]:
        names = inputs.model_fields_set - {"password"}
        return {name: getattr(inputs, name) for name in sorted(names)}


class Query(Action):
    """Return the inputs of a query."""

    name = "book:query"
    web = "GET /query"

    async def run(self, inputs: EchoInputs, call: Call) -> dict[str, Any]:
        names = inputs.model_fields_set - {"password"}
        return {name: getattr(inputs, name) for name in sorted(names)}


class Everywhere(Action):
    """Return inputs of a path, a body, a header and a cookie."""

    name = "book:everywhere"
    web = "PUT /items/{id}"

    async def run(
        self,
        id: str,
        size: int = 1,
        token: Annotated[str, Header("X-Token")] = "",
        theme: Annotated[str, Cookie()] = "light",
    ) -> dict[str, Any]:
        return {"id": id, "size": size, "token": token, "theme": theme}


class Other(Action):
    """Have another name for the same parameter of a path."""

    name = "book:other"
    web = "GET /items/{key}"

    async def run(self, key: int) -> int:
        return key


class Rest(Action):
    """Return the rest of a path."""

    name = "book:rest"
    web = "GET /rest/{place:path}"

    async def run(self, place: str) -> str:
        return place


class OpenInputs(Inputs):
    model_config = {"extra": "allow"}
    name: str = ""


class Open(Action):
    """Accept inputs of any name."""

    name = "book:open"
    web = "POST /open"

    async def run(self, inputs: OpenInputs) -> dict[str, Any]:
        return inputs.model_dump()


class Upload(Action):
    """Describe files."""

    name = "book:upload"
    web = "POST /upload"

    async def run(self, file: File, title: str = "", more: list[File] = []) -> list[Any]:
        files = [file, *more]
        texts = [(await each.read()).decode() for each in files]
        return [title, *([f.name, f.content_type, t] for f, t in zip(files, texts))]


class Rows(Action):
    """List rows."""

    name = "book:rows"
    web = "GET /rows"

    async def run(self) -> list[dict[str, Any]]:
        return [{"name": "Ada", "age": 36}, {"name": "[red]Bob\\u202e", "tags": ["a", "b"]}]


class Value(Action):
    """Return a value of a type."""

    name = "book:value"
    web = "GET /value"

    async def run(self, kind: str) -> Any:
        return {
            "null": None, "text": "grün", "number": 42, "large": 2**70, "list": [1], "true": True
        }[kind]


class Nothing(Action):
    """Return nothing."""

    name = "book:nothing"
    web = {"method": "DELETE", "path": "/nothing", "status": 204}

    async def run(self) -> None:
        return None


class Health(Action):
    """Return a result with the status of an error."""

    name = "book:health"
    web = {"method": "GET", "path": "/health", "status": lambda value: 503}
    openapi = {"statuses": [200, 503]}

    async def run(self) -> dict[str, bool]:
        return {"healthy": False}


class Fail(Action):
    """Fail with an error of a type."""

    name = "book:fail"
    web = "POST /fail"

    async def run(self, type: str, text: str = "It failed") -> None:
        if type == "crash":
            raise RuntimeError("internal details")
        raise TypedError(text, type=ErrorType(type), key="type", value=type)


class Redirect(Action):
    """Redirect to another action."""

    name = "book:redirect"
    web = "GET /redirect"

    async def run(self) -> web.Response:
        raise web.HTTPSeeOther("/api/rows")


class Guarded(Action):
    """Return the caller."""

    name = "book:guarded"
    web = "GET /guarded"
    requires = Scope("read")

    async def run(self, call: Call) -> str:
        return call.principal.id


class Me(Action):
    """Return the caller, who may be anonymous."""

    name = "book:me"
    web = "GET /me"

    async def run(self, call: Call) -> str:
        return call.principal.id or "anonymous"


class SignIn(Action):
    """Sign in."""

    name = "session:create"
    web = "PUT /session"

    async def run(self, email: str, password: Secret[str], call: Call) -> None:
        if password != "s3cret pass":
            raise TypedError("Invalid email or password", type=ErrorType.CREDENTIALS)
        call.session["userId"] = email


class Renew(Action):
    """Give the session another identifier."""

    name = "session:renew"
    web = "POST /session"

    async def run(self, call: Call) -> None:
        await call.session.regenerate()


class Hidden(Action):
    """Not reachable over HTTP."""

    name = "book:hidden"

    async def run(self) -> str:
        return "hidden"


class Counter(Action):
    """Count."""

    name = "stream:counter"
    web = "GET /counter"

    async def run(self, count: int) -> AsyncIterator[Event[dict[str, int]]]:
        for index in range(1, count + 1):
            yield Event({"index": index}, event="counter", id=str(index))


class Texts(Action):
    """Stream texts."""

    name = "stream:texts"
    web = "GET /texts"

    async def run(self) -> AsyncIterator[str]:
        for text in ("one", "two\\nlines", "", "3", "grün"):
            yield text


class Mixed(Action):
    """Stream values of several types."""

    name = "stream:mixed"
    web = "GET /mixed"

    async def run(self) -> AsyncIterator[int | str | None | list[int]]:
        for value in (1, "text", None, [1, 2]):
            yield value


class Fails(Action):
    """Stream numbers, and fail."""

    name = "stream:fails"
    web = "GET /fails"

    async def run(self, count: int, type: str) -> AsyncIterator[int]:
        for number in range(count):
            yield number
        raise TypedError("no more", type=ErrorType(type))


class Export(Action):
    """Export bytes."""

    name = "stream:export"
    web = "GET /export"

    async def run(self) -> Stream:
        async def rows() -> AsyncIterator[bytes | str]:
            yield "grün,"
            yield bytes([65, 10])

        return Stream(rows(), "text/csv")


class Open2(Action):
    """Stream numbers, and wait."""

    name = "stream:open"
    web = "GET /open-stream"

    async def run(self, count: int) -> AsyncIterator[int]:
        try:
            for number in range(count):
                yield number
            await asyncio.Event().wait()
        finally:
            print("stream closed", file=sys.stderr, flush=True)


class Endless(Action):
    """Stream without end."""

    name = "stream:endless"
    web = "GET /endless"

    async def run(self) -> AsyncIterator[str]:
        try:
            while True:
                yield "more " * 100
        finally:
            print("endless closed", file=sys.stderr, flush=True)
'''

PLUGIN = """
from __future__ import annotations

from actionhero import Authenticator, Principal, SignInRequired, hookimpl


class Tokens(Authenticator):
    schemes = ("bearer",)

    async def authenticate(self, credentials, connection):
        if credentials.token == "t0ken-of-ada":
            return Principal("ada", scopes=frozenset({"read"}), method="token")
        if credentials.token == "t0ken-of-bob":
            return Principal("bob", scopes=frozenset(), method="token")
        raise SignInRequired("The token is not valid", challenge={"error": "invalid_token"})

    def security_schemes(self):
        return {"bearer": {"type": "http", "scheme": "bearer"}}


@hookimpl
def actionhero_authenticators():
    return [Tokens()]
"""

ENABLED = ["web", "openapi", "remote", "sessions", "redis"]


class Server(NamedTuple):
    """A running server, and the folder with its application."""

    place: Place
    running: RunningCommand
    #: Without the prefix of the API.
    url: str

    def local(self, *arguments: str, **variables: str) -> RunningCommand:
        """Start a command in the folder of the application."""
        return self.place.start(*arguments, **variables)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that all tests share, in a process of its own."""
    folder = tmp_path_factory.mktemp("remote-server")
    place = Place(folder, folder / "site", [*ENABLED])
    place.write("book/__init__.py", "")
    place.write("book/actions.py", ACTIONS)
    place.write("book/plugin.py", PLUGIN)
    place.write("actionhero.toml", 'app.package = "book"\nweb.error_format = "standard"\n')
    running = place.start("start", ACTIONHERO_ENV="test")
    port = running.wait_for(r"listens on http://127\.0\.0\.1:(\d+)/api")[1]
    yield Server(place, running, f"http://127.0.0.1:{port}")
    place.close()


class Far:
    """A user with a folder, and with a home, of their own."""

    def __init__(self, place: Place, url: str) -> None:
        self.place = place
        self.url = url
        self.home = place.folder.parent / "home"
        self.home.mkdir()

    @property
    def profiles(self) -> Path:
        """The file of profiles."""
        return self.home / ".config" / "actionhero" / "profiles.json"

    def start(
        self, *arguments: str, stdin_text: str | None = None, **variables: str
    ) -> RunningCommand:
        """Start a command."""
        defaults = {
            "HOME": str(self.home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        return self.place.start(*arguments, stdin_text=stdin_text, **{**defaults, **variables})

    def run(
        self, *arguments: str, stdin_text: str | None = None, **variables: str
    ) -> CompletedCommand:
        """Run a command until it ends."""
        return self.start(*arguments, stdin_text=stdin_text, **variables).wait()

    def call(self, *arguments: str, **variables: str) -> CompletedCommand:
        """Call an action of the server."""
        return self.run("--url", self.url, "call", *arguments, **variables)


@pytest.fixture
def far(place: Place, server: Server) -> Far:
    """A user far from the server: their folder has no application, and no server."""
    place.enabled = ["remote"]
    os.makedirs(place.folder, exist_ok=True)
    return Far(place, server.url)
