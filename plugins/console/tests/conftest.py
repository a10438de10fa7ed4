"""A running application with a console, and an HTTP client of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator  # noqa: TC003 - of an action, which resolves it
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest

from actionhero import Action, Call, Field, Inputs, NotFound, RunMode, Secret, Stream, hookimpl
from actionhero.logs import call_log
from actionhero.testing import running_app
from actionhero_console import Change, ConsoleSettings, Panel, PanelContext
from actionhero_console import plugin as console_plugin
from actionhero_console.passwords import hash_password
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSWORDS = {"ada": "ada-password", "bob": "bob-password", "eve": "eve-password"}
ROLES = {"ada": "admin", "bob": "operator", "eve": "viewer"}
#: Cheaper than those of the command.
HASHES = {name: hash_password(password, cost=1024) for name, password in PASSWORDS.items()}
OPERATORS = [
    {"name": name, "password_hash": HASHES[name], "role": role} for name, role in ROLES.items()
]
SECRET = "s3cret-of-a-setting"
INPUT_SECRET = "s3cret-of-an-input"


class Greet(Action):
    """Greet a person."""

    name = "greet"
    web: ClassVar = {"method": "POST", "path": "/greet"}

    async def run(self, name: str, call: Call, token: Secret[str] = "") -> dict[str, Any]:
        if name == "missing":
            raise NotFound("there is no such person", key="name")
        if name == "crash":
            raise RuntimeError(f"crashed for {token}")
        return {"greeting": f"Hello {name}", "user": call.principal.user}


class Search(Action):
    """Search for things."""

    name = "search"
    web: ClassVar = {"method": "GET", "path": "/search/{topic}"}

    async def run(
        self, topic: str, limit: int = Field(default=10, ge=1, le=50), *, exact: bool = False
    ) -> list[str]:
        return [topic] * limit


class Number(Action):
    """Return the inputs."""

    name = "stamp"
    web = "POST /stamp"

    async def run(self, name: str = "", number: int = 0) -> dict[str, Any]:
        return {"name": name, "number": number}


class Thing(Action):
    """Return an object that is not JSON."""

    name = "thing"

    async def run(self) -> Any:
        return object()


class Ticks(Action):
    """Count without end."""

    name = "ticks"
    web = "GET /ticks"
    #: Whether each stream was closed.
    closed: ClassVar[list[bool]] = []

    async def run(self) -> AsyncIterator[int]:
        number = 2**53
        try:
            while True:
                number += 1
                yield number
        finally:
            self.closed.append(True)


class Binary(Action):
    """Return bytes."""

    name = "binary"
    web = "GET /binary"

    async def run(self) -> bytes:
        return b"\xffbytes"


class Chunks(Action):
    """Return a stream of bytes."""

    name = "chunks"
    web = "GET /chunks"

    async def run(self) -> Stream:
        return Stream(self.chunks())

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"\xffchunk"


class StampInputs(Inputs):
    id: str
    note: str = ""


class Stamps:
    """A panel of a plugin: one list, and changes of each role."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def read(self, inputs: StampInputs) -> dict[str, Any]:
        if inputs.id == "broken":
            raise RuntimeError("no stamps")
        return {"id": inputs.id, "made": self.made}

    async def stamp(self, inputs: StampInputs, context: PanelContext) -> dict[str, str]:
        if inputs.id == "missing":
            raise NotFound("there is no such letter")
        self.made.append(f"{context.operator.name} {inputs.id}")
        return {"id": inputs.id}

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Greet, Search, Number, Thing, Ticks, Binary, Chunks]

    @hookimpl(optionalhook=True)
    def actionhero_console_panels(self) -> list[Panel]:
        stamp = Change(self.stamp, confirm="Stamp {id}?", target="letter {id}")
        burn = Change(self.stamp, role="admin", target="letter {id}")
        assets = Path(__file__).parent / "stamps"
        answers = {"made": lambda: self.made}
        reads = {"list": self.read}
        changes = {"stamp": stamp, "burn": burn}
        return [Panel("stamps", "Stamps", 40, reads, changes, answers, assets)]


@dataclass
class Site:
    """A running application with a console, and an HTTP client of it."""

    app: Any
    stamps: Stamps
    origin: str
    path: str
    client: httpx.AsyncClient = field(repr=False)

    async def sign_in(
        self, name: str = "ada", password: str | None = None, **headers: str
    ) -> httpx.Response:
        """Submit the sign-in form."""
        data = {"username": name, "password": password or PASSWORDS[name]}
        return await self.client.post(f"{self.path}/sign-in", data=data, headers=headers)

    async def change(self, name: str, **options: Any) -> httpx.Response:
        """Make a change, by `panel/change`."""
        options = {"json": {}, **options}
        return await self.client.post(f"{self.path}/api/change/{name}", **options)

    async def read(self, name: str, inputs: str = "{}") -> Any:
        """Return the value, or the error, of a query."""
        response = await self.client.get(f"{self.path}/api/read", params={name: inputs})
        assert response.status_code == 200, response.text
        result = response.json()["results"][name]
        return result["value"] if "value" in result else result["error"]

    async def audit(self) -> list[dict[str, Any]]:
        """Return the entries of the audit log, the oldest first."""
        from actionhero_console.console import Console

        return list(reversed(await self.app.app.get(Console).trail.entries()))


@contextlib.asynccontextmanager
async def console_site(
    *plugins: Any, environ: Mapping[str, str | None] | None = None, **settings: Any
) -> AsyncIterator[Site]:
    """Run an application with a console, by default in development."""
    values: dict[str, str | None] = {
        "PORT": "0",
        "ACTIONHERO_ENV": "development",
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_APP__SECRET_KEY": "k" * 32,
        **(environ or {}),
    }
    # `None` unsets a default.
    variables = {name: value for name, value in values.items() if value is not None}
    stamps = Stamps()
    section = ConsoleSettings(**settings)
    async with running_app(
        redis_plugin,
        web_plugin,
        console_plugin,
        stamps,
        *plugins,
        settings=[section],
        environ=variables,
        mode=RunMode.SERVER,
    ) as app:
        app.app.pipeline.call_log = call_log
        server = next(item for item in app.app.servers if isinstance(item, WebServer))
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60) as client:
            yield Site(app, stamps, origin, section.path, client)


@pytest.fixture
def site() -> Any:
    """Return a function that runs an application with a console."""
    return console_site
