"""An application with sessions on a free port, with a real Redis, and HTTP clients for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest
import redis

from actionhero import (
    Action,
    Call,
    Conflict,
    Inputs,
    RunMode,
)
from actionhero.testing import running_app
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_sessions import RequireSession, Sessions
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis


class User(Inputs):
    user: int


class KeyValue(Inputs):
    key: str
    value: Any = None


class SignIn(Action):
    name = "sign:in"
    web = "PUT /session"

    async def run(self, inputs: User, call: Call) -> str | None:
        await call.session.regenerate()
        call.session["userId"] = inputs.user
        return call.session.id


class SignOut(Action):
    name = "sign:out"
    web = "DELETE /session"

    async def run(self, call: Call) -> None:
        await call.session.destroy()


class SignOutEverywhere(Action):
    name = "sign:out:everywhere"
    web = "DELETE /sessions"
    middleware = [RequireSession()]

    async def run(self, call: Call) -> int:
        return await call.get(Sessions).destroy_all(call.session["userId"])


class WhoAmI(Action):
    name = "whoami"
    web = "GET /whoami"
    middleware = [RequireSession()]

    async def run(self, call: Call) -> int:
        return int(call.session["userId"])


class SetValue(Action):
    name = "value:set"
    web = "POST /value/set"

    async def run(self, inputs: KeyValue, call: Call) -> None:
        call.session[inputs.key] = inputs.value


class RemoveValue(Action):
    name = "value:remove"
    web = "POST /value/remove"

    async def run(self, inputs: KeyValue, call: Call) -> None:
        del call.session[inputs.key]


class GetValues(Action):
    name = "values"
    web = "GET /values"

    async def run(self, call: Call) -> dict[str, Any]:
        return dict(call.session)


class SetValueAndFail(Action):
    name = "value:set:fail"
    web = "POST /value/set/fail"

    async def run(self, inputs: KeyValue, call: Call) -> None:
        call.session[inputs.key] = inputs.value
        raise Conflict("no")


class RegenerateAndFail(Action):
    name = "regenerate:fail"
    web = "POST /regenerate/fail"

    async def run(self, call: Call) -> None:
        await call.session.regenerate()
        raise Conflict("no")


class SetUnserializable(Action):
    name = "value:set:unserializable"
    web = "POST /value/set/unserializable"

    async def run(self, call: Call) -> None:
        call.session["object"] = object()


class Plain(Action):
    name = "plain"
    web = "GET /plain"

    async def run(self, call: Call) -> str:
        return "plain"


class Nothing(Action):
    name = "nothing"
    web = "POST /nothing"

    async def run(self) -> None:
        pass


ACTIONS = (
    SignIn, SignOut, SignOutEverywhere, WhoAmI, SetValue, RemoveValue, GetValues, SetValueAndFail,
    RegenerateAndFail, SetUnserializable, Plain, Nothing,
)  # fmt: skip


class Site:
    """A running application, and a client of its Redis."""

    def __init__(self, app: RunningApp, client: redis.Redis) -> None:
        self.app = app
        self.redis = client
        server = next(item for item in app.app.servers if isinstance(item, WebServer))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """Return a new HTTP client with its own cookies."""
        return httpx.AsyncClient(base_url=f"{self.url}/api", **options)

    @property
    def keys(self) -> list[str]:
        """The keys in Redis, sorted."""
        return sorted(key.decode() for key in self.redis.keys("*"))  # type: ignore[union-attr]

    def key(self, cookie: str | None) -> str:
        """Return the Redis key of a session."""
        return f"actionhero:sessions:{cookie}"


class Serve(Protocol):
    """Runs the application; keyword arguments are environment variables."""

    def __call__(
        self, *plugins: Any, **environ: str
    ) -> contextlib.AbstractAsyncContextManager[Site]: ...


@pytest.fixture
def serve(redis_server: ThrowAwayRedis) -> Serve:  # noqa: F811 - the fixture
    """A function that runs the application for the duration of a block."""

    @contextlib.asynccontextmanager
    async def serve(*plugins: Any, **environ: str) -> AsyncIterator[Site]:
        environ = {"REDIS_URL": redis_server.url, "PORT": "0", **environ}
        with redis.Redis.from_url(redis_server.url) as client:
            async with running_app(
                web_plugin, redis_plugin, sessions_plugin, *plugins, *ACTIONS,
                environ=environ, mode=RunMode.SERVER,
            ) as app:  # fmt: skip
                yield Site(app, client)

    return serve


@pytest.fixture
async def site(serve: Serve) -> AsyncIterator[Site]:
    """The application with default settings."""
    async with serve() as site:
        yield site
