"""An application with credentials, an issuer of tokens, and databases of both kinds."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry

from actionhero import Action, Call, Credentials, Permission, RunMode, Scope, hookimpl
from actionhero.testing import running_app
from actionhero_auth import plugin as auth_plugin
from actionhero_db import plugin as db_plugin
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import Caller, RunningApp

AUDIENCE = "https://club.example"
_numbers = itertools.count(1)


class Who(Action):
    """Return the caller; it is public."""

    name = "who"
    web = "GET /who"

    async def run(self, call: Call) -> dict[str, Any]:
        principal = call.principal
        scopes = None if principal.scopes is None else sorted(principal.scopes)
        return {
            "user": principal.user,
            "kind": principal.kind,
            "method": principal.method,
            "scopes": scopes,
            "permissions": sorted(principal.permissions),
            "id": principal.credential_id,
        }


class Read(Action):
    """Require a scope."""

    name = "read"
    web = "GET /read"
    requires = Scope("read")

    async def run(self) -> str:
        return "text"


class Close(Action):
    """Require a permission."""

    name = "close"
    web = "POST /close"
    requires = Permission("close")

    async def run(self) -> str:
        return "closed"


class Club:
    """A plugin with these actions."""

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Who, Read, Close]


@pytest.fixture(params=["sqlite", "postgres"])
def each_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite://{tmp_path / 'test.sqlite3'}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a new SQLite file."""
    return f"sqlite://{tmp_path / 'test.sqlite3'}"


@contextlib.asynccontextmanager
async def club(url: str | None, *plugins: Any, **environ: str) -> AsyncIterator[RunningApp]:
    """Run the application; without a URL, it has no database."""
    database = [db_plugin] if url is not None else []
    variables = {"DATABASE_URL": url} if url is not None else {}
    async with running_app(
        *database, *plugins, auth_plugin, Club(),
        mode=RunMode.SERVER, environ={**variables, **environ},
    ) as app:  # fmt: skip
        yield app


def caller(app: RunningApp, token: str, scheme: str = "bearer") -> Caller:
    """Return a client that sends credentials."""
    client = app.connect()
    client.connection.credentials = Credentials(scheme, token)
    return client


class Issuer:
    """An issuer of tokens, whose keys are served over HTTP."""

    def __init__(self) -> None:
        self.url = ""
        #: The number of requests for the keys.
        self.requests = 0
        #: A response in place of the keys.
        self.response: web.StreamResponse | None = None
        self.algorithm = "ES256"
        self.key: Any = None
        self.published: list[dict[str, Any]] = []
        self.rotate()

    def rotate(self, *, kid: str | None = None) -> None:
        """Create another key, and publish only that."""
        self.key = jwk.ECKey.generate_key("P-256", {"kid": kid or f"k{next(_numbers)}"})
        self.published = [self.key.as_dict(private=False)]

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Return valid claims, with others; `None` removes one."""
        now = int(time.time())
        valid = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 600,
            "scope": "read write",
        }
        return {name: value for name, value in (valid | claims).items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """Return a token."""
        signing = key or self.key
        headers = {"alg": self.algorithm, "kid": signing.kid, **(header or {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        registry = JWSRegistry(algorithms=[headers["alg"]], strict_check_header=False)
        return jwt.encode(headers, self.claims(**claims), signing, registry=registry)

    async def handle_keys(self, request: web.Request) -> web.StreamResponse:
        """Respond with the keys."""
        self.requests += 1
        return self.response or web.json_response({"keys": self.published})

    async def handle_metadata(self, request: web.Request) -> web.StreamResponse:
        """Respond with the metadata."""
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """Run an issuer on a port of this machine."""
    issuer = Issuer()
    application = web.Application()
    application.router.add_get("/jwks", issuer.handle_keys)
    application.router.add_get("/.well-known/openid-configuration", issuer.handle_metadata)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()


def issuers(*settings: dict[str, Any]) -> dict[str, str]:
    """Return the environment variable with issuers."""
    return {"ACTIONHERO_AUTH__ISSUERS": json.dumps([*settings])}


def issuer_settings(issuer: Issuer, **settings: Any) -> dict[str, Any]:
    """Return the settings of an issuer."""
    return {"issuer": issuer.url, "audience": [AUDIENCE], **settings}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that tests can advance."""
    clock = Clock()
    monkeypatch.setattr("time.time", lambda: clock.wall() + clock.offset)
    monkeypatch.setattr("time.monotonic", lambda: clock.steady() + clock.offset)
    return clock


class Clock:
    """The times of the process, with an offset."""

    wall = staticmethod(time.time)
    steady = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.offset = 0.0

    def advance(self, seconds: float) -> None:
        """Advance all clocks."""
        self.offset += seconds
