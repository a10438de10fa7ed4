"""An application with sessions, served on a free port with a real Redis, and browsers for it."""

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


class Pair(Inputs):
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


class Remember(Action):
    name = "remember"
    web = "POST /remember"

    async def run(self, inputs: Pair, call: Call) -> None:
        call.session[inputs.key] = inputs.value


class Forget(Action):
    name = "forget"
    web = "POST /forget"

    async def run(self, inputs: Pair, call: Call) -> None:
        del call.session[inputs.key]


class Recall(Action):
    name = "recall"
    web = "GET /recall"

    async def run(self, call: Call) -> dict[str, Any]:
        return dict(call.session)


class RememberAndFail(Action):
    name = "remember:fail"
    web = "POST /remember/fail"

    async def run(self, inputs: Pair, call: Call) -> None:
        call.session[inputs.key] = inputs.value
        raise Conflict("no")


class RenewAndFail(Action):
    name = "renew:fail"
    web = "POST /renew/fail"

    async def run(self, call: Call) -> None:
        await call.session.regenerate()
        raise Conflict("no")


class RememberOddly(Action):
    name = "remember:oddly"
    web = "POST /remember/oddly"

    async def run(self, call: Call) -> None:
        call.session["odd"] = object()


class Plain(Action):
    name = "plain"
    web = "GET /plain"

    async def run(self, call: Call) -> str:
        return "plain"


ACTIONS = (
    SignIn, SignOut, SignOutEverywhere, WhoAmI, Remember, Forget, Recall, RememberAndFail,
    RenewAndFail, RememberOddly, Plain,
)  # fmt: skip


class Site:
    """A served application, and its Redis to look into."""

    def __init__(self, app: RunningApp, kept: redis.Redis) -> None:
        self.app = app
        self.kept = kept
        server = next(item for item in app.app.servers if isinstance(item, WebServer))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """Return somebody new, with a cookie jar of their own."""
        return httpx.AsyncClient(base_url=f"{self.url}/api", **options)

    @property
    def keys(self) -> list[str]:
        """All that is in Redis, by name."""
        return sorted(key.decode() for key in self.kept.keys("*"))  # type: ignore[union-attr]

    def key(self, cookie: str | None) -> str:
        """Return the key under which a session is kept."""
        return f"actionhero:sessions:{cookie}"


class Serve(Protocol):
    """Serves the application; keyword arguments are variables of its environment."""

    def __call__(
        self, *plugins: Any, **environ: str
    ) -> contextlib.AbstractAsyncContextManager[Site]: ...


@pytest.fixture
def serve(redis_server: ThrowAwayRedis) -> Serve:  # noqa: F811 - the fixture
    """Give a function that serves the application for as long as a block."""

    @contextlib.asynccontextmanager
    async def serve(*plugins: Any, **environ: str) -> AsyncIterator[Site]:
        environ = {"REDIS_URL": redis_server.url, "PORT": "0", **environ}
        with redis.Redis.from_url(redis_server.url) as kept:
            async with running_app(
                web_plugin, redis_plugin, sessions_plugin, *plugins, *ACTIONS,
                environ=environ, mode=RunMode.SERVER,
            ) as app:  # fmt: skip
                yield Site(app, kept)

    return serve


@pytest.fixture
async def site(serve: Serve) -> AsyncIterator[Site]:
    """Give the application as it is served where nothing is set."""
    async with serve() as site:
        yield site
