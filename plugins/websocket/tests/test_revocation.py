"""Revocations of sessions that are handled while the session is loaded or authorizes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from actionhero import Action, Call, ChannelRefused, RunMode, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel
from actionhero_channels import plugin as channels_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import Sessions
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer
from actionhero_websocket import ConnectionListener, Connections
from actionhero_websocket import plugin as websocket_plugin
from actionhero_websocket.session_registry import registry_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from actionhero import Connection, Session
    from actionhero.testing import RunningApp
    from actionhero_channels import Subscription
    from actionhero_websocket import LiveConnection

USER = 7


class SignIn(Action):
    name = "sign:in"
    web = "PUT /session"

    async def run(self, call: Call) -> None:
        call.session["userId"] = USER


class Separate(Action):
    """Give the socket a session of its own, with the values of the session of the cookie."""

    name = "separate"
    websocket = True

    async def run(self, call: Call) -> None:
        await call.session.regenerate()


class SignOut(Action):
    name = "sign:out"
    web = "DELETE /session"

    async def run(self, call: Call) -> None:
        await call.session.destroy()


async def nothing() -> None:
    """Do nothing."""


class Scene:
    """A running application, with code of the test that runs at a certain moment."""

    app: RunningApp
    client: aiohttp.ClientSession

    def __init__(self, *, has_listener: bool = False) -> None:
        self.has_listener = has_listener
        #: Each runs once.
        self.after_load: Callable[[], Awaitable[None]] = nothing
        self.after_save: Callable[[], Awaitable[None]] = nothing
        self.on_authorize: Callable[[], Awaitable[None]] = nothing
        self.on_connect: Callable[[], Awaitable[None]] = nothing

    async def reach(self, moment: str) -> None:
        """Run the code of a moment."""
        function = getattr(self, moment)
        setattr(self, moment, nothing)
        await function()

    @hookimpl
    def actionhero_channels(self) -> list[type[Channel]]:
        scene = self

        class Members(Channel):
            """Requires a signed-in user."""

            name = "members"

            async def authorize(self, subscription: Subscription) -> None:
                await scene.reach("on_authorize")
                if "userId" not in subscription.session:
                    raise ChannelRefused("Sign in")

            async def presence_key(self, subscription: Subscription) -> str | None:
                return None

        return [Members]

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [SignIn, SignOut, Separate]

    @hookimpl
    def actionhero_websocket_listeners(self) -> list[ConnectionListener]:
        scene = self

        class Listener(ConnectionListener):
            async def on_connect(self, connection: LiveConnection) -> None:
                await scene.reach("on_connect")

        return [Listener()] if self.has_listener else []

    async def revoke(self, delete: Callable[[], Awaitable[Any]] | None = None) -> None:
        """End sessions, by default those of the user, and wait until this process has noticed."""
        registry = registry_for(self.app.app)
        count = registry.revocations
        await (delete or self.delete_all)()
        while registry.revocations == count:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)

    async def delete_all(self) -> None:
        """End all sessions of the user."""
        assert await self.app.get(Sessions).destroy_all(USER)

    async def sign_out(self) -> None:
        """End the session of the cookie."""
        await self.client.delete("/api/session")


async def request(socket: aiohttp.ClientWebSocketResponse, kind: str, **options: Any) -> Any:
    """Send a message, and return the next message."""
    await socket.send_json({"messageType": kind, "messageId": 1, **options})
    return await socket.receive_json()


@asynccontextmanager
async def running(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Run the application with a signed-in client."""
    plugins = (web_plugin, websocket_plugin, redis_plugin, sessions_plugin, channels_plugin)
    environ = {"ACTIONHERO_WEB__PORT": "0", "ACTIONHERO_REDIS__MODE": "memory"}
    async with running_app(*plugins, scene, environ=environ, mode=RunMode.SERVER) as app:
        scene.app = app
        sessions = app.get(Sessions)
        load = sessions.open

        async def open_session(connection: Connection) -> Session:
            session = await load(connection)
            if connection.transport == "websocket":
                await scene.reach("after_load")
            return session

        save = sessions.save

        async def save_session(connection: Connection, session: Session) -> None:
            await save(connection, session)
            if connection.transport == "websocket":
                await scene.reach("after_save")

        monkeypatch.setattr(sessions, "open", open_session)
        monkeypatch.setattr(sessions, "save", save_session)
        server = next(each for each in app.app.servers if isinstance(each, WebServer))
        cookies = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}", cookie_jar=cookies
        ) as scene.client:
            await scene.client.put("/api/session")
            yield scene


@pytest.mark.parametrize("moment", ["after_load", "on_authorize"])
async def test_a_session_that_is_revoked_meanwhile_authorizes_no_subscription(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    async with running(Scene(), monkeypatch) as scene, scene.client.ws_connect("/ws") as socket:
        await request(socket, "unsubscribe", channel="members")
        # The user of the connection is known: nothing else loads the session.
        assert await scene.app.get(Connections).count(USER) == 1
        setattr(scene, moment, scene.revoke)

        messages = [await request(socket, "subscribe", channel="members")]
        if "subscribed" in messages[0]:
            messages.append(await socket.receive_json())

        assert "error" in messages[-1] or messages[-1] == {"unsubscribed": {"channel": "members"}}


@pytest.mark.parametrize("moment", ["after_load", "on_authorize"])
async def test_a_second_session_that_is_revoked_meanwhile_authorizes_no_subscription_again(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The socket has a session of its own, which ends while it replaces that of the cookie."""
    async with running(Scene(), monkeypatch) as scene, scene.client.ws_connect("/ws") as socket:
        await request(socket, "subscribe", channel="members")
        await request(socket, "action", action="separate")
        setattr(scene, moment, scene.revoke)

        await scene.revoke(scene.sign_out)

        assert await socket.receive_json() == {"unsubscribed": {"channel": "members"}}


@pytest.mark.parametrize(
    ("has_listener", "moment"), [(False, "after_load"), (True, "after_load"), (True, "on_connect")]
)
async def test_a_session_that_is_revoked_meanwhile_is_not_that_of_a_listed_user(
    monkeypatch: pytest.MonkeyPatch, has_listener: bool, moment: str
) -> None:
    scene = Scene(has_listener=has_listener)
    async with running(scene, monkeypatch):
        connections = scene.app.get(Connections)
        reached = asyncio.Event()

        async def revoke() -> None:
            await scene.revoke()
            reached.set()

        setattr(scene, moment, revoke)

        async with scene.client.ws_connect("/ws") as socket:
            await reached.wait()
            await request(socket, "unsubscribe", channel="members")

            assert await connections.list(USER) == []
            assert await connections.count() == 1


@pytest.mark.parametrize("is_signed_in", [False, True])
async def test_a_session_that_is_revoked_while_it_is_saved_is_not_that_of_a_listed_user(
    monkeypatch: pytest.MonkeyPatch, is_signed_in: bool
) -> None:
    """It was written, and the notice of its end came before the end of the call."""
    async with running(Scene(), monkeypatch) as scene:
        if not is_signed_in:
            await scene.sign_out()
        connections = scene.app.get(Connections)
        async with scene.client.ws_connect("/ws") as socket:
            await request(socket, "unsubscribe", channel="members")
            assert await connections.count(USER) == int(is_signed_in)
            scene.after_save = scene.revoke

            await request(socket, "action", action="sign:in")

            assert await connections.list(USER) == []
            assert await connections.count() == 1
