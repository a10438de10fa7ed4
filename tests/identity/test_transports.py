"""Credentials over HTTP, WebSocket, server-sent events and the command line."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from actionhero import (
    Action,
    Authenticator,
    Call,
    ChannelRefused,
    Connection,
    Credentials,
    Inputs,
    Principal,
    RunMode,
    Scope,
    SignedIn,
    SignInRequired,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_channels import Channel
from actionhero_channels import plugin as channels_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_sse import plugin as sse_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from tests.conftest import Place

    from actionhero_channels import Subscription

WRITE, READ = "token-of-ada", "token-of-bob"


class Tokens(Authenticator):
    """Two tokens, one of which can be revoked."""

    schemes = ("bearer", "key")
    headers: Mapping[str, str] = {"X-Key": "key"}
    challenge = "Bearer"

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self._watchers: list[asyncio.Queue[str]] = []

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal."""
        token = credentials.token
        if token in self.revoked:
            raise SignInRequired("The token is revoked", challenge={"error": "invalid_token"})
        if token == WRITE:
            return Principal("ada", scopes=frozenset({"write"}), credential_id="1")
        return Principal("bob", scopes=frozenset(), credential_id="2") if token == READ else None

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the revoked credentials."""
        revocations: asyncio.Queue[str] = asyncio.Queue()
        self._watchers.append(revocations)
        while True:
            yield await revocations.get()

    def revoke(self, token: str, credential_id: str) -> None:
        """Revoke a token."""
        self.revoked.add(token)
        for revocations in self._watchers:
            revocations.put_nowait(credential_id)


class Who(Action):
    """Return the caller; it is public."""

    name = "who"
    web = "GET /who"

    async def run(self, call: Call) -> dict[str, Any]:
        return {"user": call.principal.user, "session": call.session.get("userId")}


class WriteInputs(Inputs):
    number: int


class Write(Action):
    """Require a scope."""

    name = "write"
    web = "PUT /write"
    requires = Scope("write")

    async def run(self, inputs: WriteInputs, call: Call) -> str:
        return f"{call.principal.id} wrote {inputs.number}"


class SignIn(Action):
    """Sign in, with a session."""

    name = "sign:in"
    web = "PUT /session"

    async def run(self, call: Call) -> None:
        call.session["userId"] = "carl"


class Private(Action):
    """Require any user."""

    name = "private"
    web = "GET /private"
    requires = SignedIn()

    async def run(self, call: Call) -> str:
        return call.principal.id


class Club(Channel):
    """For signed-in users."""

    name = "club"

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Members only")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Application:
    """A plugin with all of them."""

    def __init__(self) -> None:
        self.tokens = Tokens()

    @hookimpl
    def actionhero_authenticators(self) -> list[Authenticator]:
        return [self.tokens]

    @hookimpl
    def actionhero_channels(self) -> list[type[Channel]]:
        return [Club]

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Who, Write, SignIn, Private]


class Site:
    """A running server."""

    def __init__(self, url: str, client: aiohttp.ClientSession, tokens: Tokens) -> None:
        self.url = url
        self.client = client
        self.tokens = tokens

    async def request(
        self, method: str, path: str, headers: dict[str, str], **options: Any
    ) -> tuple[int, Any, str]:
        """Return the status, the document, and the challenge of a response."""
        async with self.client.request(
            method, f"{self.url}/api{path}", headers=headers, **options
        ) as response:
            challenge = response.headers.get("WWW-Authenticate", "")
            return response.status, await response.json(), challenge

    @contextlib.asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator[Socket]:
        """Open a socket."""
        url = self.url.replace("http:", "ws:") + "/ws"
        async with self.client.ws_connect(url, headers=headers) as socket:
            yield Socket(socket)


class Socket:
    """An open socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def ask(self, kind: str, **message: Any) -> Any:
        """Send a message, and return its response."""
        await self._socket.send_json({"messageType": kind, "messageId": 1, **message})
        return await self.receive()

    async def call(self, action: str, **params: Any) -> Any:
        """Call an action, and return its response or its error."""
        answer = await self.ask("action", action=action, params=params)
        return answer["error"] if "error" in answer else answer["response"]

    async def receive(self) -> Any:
        """Return the next message."""
        return await self._socket.receive_json(timeout=20)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Start the application, and a client without cookies."""
    application = Application()
    async with (
        running_app(
            redis_plugin, sessions_plugin, channels_plugin, web_plugin, websocket_plugin,
            sse_plugin, application,
            mode=RunMode.SERVER, environ={"ACTIONHERO_WEB__PORT": "0"},
        ) as app,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):  # fmt: skip
        [server] = [server for server in app.app.servers if isinstance(server, WebServer)]
        yield Site(f"http://127.0.0.1:{server.port}", client, application.tokens)


BEARER, KEY = {"Authorization": f"Bearer {WRITE}"}, {"X-Key": WRITE}
READER = {"Authorization": f"Bearer {READ}"}
FORGED = {"Authorization": "Bearer forged"}


@pytest.mark.parametrize("headers", [BEARER, KEY], ids=["bearer", "key"])
async def test_http_calls_have_the_principal_of_their_credentials(
    site: Site, headers: dict[str, str]
) -> None:
    """In `Authorization`, or in the header of the authenticator."""
    assert await site.request("GET", "/who", headers) == (
        200, {"user": "ada", "session": "ada"}, "",
    )  # fmt: skip
    assert (await site.request("PUT", "/write", headers, json={"number": 3}))[:2] == (
        200, "ada wrote 3",
    )  # fmt: skip


async def test_status_and_challenge_name_the_missing_part(site: Site) -> None:
    """401 without valid credentials, 403 without the scope; the inputs are not looked at."""
    invalid = {"number": "none"}

    status, document, challenge = await site.request("PUT", "/write", {}, json=invalid)
    assert (status, document["error"]["type"]) == (401, "CONNECTION_SESSION_NOT_FOUND")
    assert challenge.startswith('Bearer realm="')
    assert "error=" not in challenge

    status, _, challenge = await site.request("PUT", "/write", FORGED, json=invalid)
    assert status == 401
    assert 'error="invalid_token"' in challenge

    status, document, challenge = await site.request("PUT", "/write", READER, json=invalid)
    assert (status, document["error"]["type"]) == (403, "CONNECTION_ACTION_FORBIDDEN")
    assert 'error="insufficient_scope", scope="write"' in challenge

    for method, path in (("GET", "/who"), ("PUT", "/write")):
        status, document, _ = await site.request(method, path, {**BEARER, **KEY})
        assert (status, document["error"]["type"]) == (400, "CONNECTION_REQUEST_MALFORMED")
        assert document["error"]["message"].startswith("the request has several credentials")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (f"bearer {WRITE}", 200),
        (f"Bearer  {WRITE} ", 200),
        (f"Bearer{WRITE}", 401),
        (f"Bearer,{WRITE}", 401),
        (f"Bearer\t{WRITE}", 401),
        (f"Bearer {WRITE} {WRITE}", 401),
        ("Bearer", 401),
    ],
)
async def test_malformed_credentials_are_not_those_of_an_anonymous_caller(
    site: Site, value: str, status: int
) -> None:
    """An action that is open to anonymous callers refuses them, too."""
    headers = {"Authorization": value}

    code, document, challenge = await site.request("GET", "/who", headers)

    assert code == status
    if code == 401:
        assert document["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
        assert 'error="invalid_token"' in challenge


async def test_credentials_take_precedence_over_a_cookie(site: Site) -> None:
    """The session of the cookie is not opened, and its user is not the caller."""
    async with site.client.put(f"{site.url}/api/session") as response:
        cookie = response.headers["Set-Cookie"].partition(";")[0]

    assert (await site.request("GET", "/who", {"Cookie": cookie}))[1]["user"] == "carl"
    assert (await site.request("GET", "/who", {"Cookie": cookie, **BEARER}))[1] == {
        "user": "ada", "session": "ada",
    }  # fmt: skip
    assert (await site.request("GET", "/private", {"Cookie": cookie, **FORGED}))[0] == 401


async def test_responses_to_credentials_are_not_cached(site: Site) -> None:
    """Also with a header of an authenticator."""
    for headers in (BEARER, KEY):
        async with site.client.get(f"{site.url}/api/who", headers=headers) as response:
            assert response.headers["Cache-Control"] == "no-store"


async def test_a_page_of_another_site_may_send_credentials(site: Site) -> None:
    """It cannot do so without a preflight request; a session of a cookie is protected."""
    headers = {"Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}
    assert (await site.request("PUT", "/write", {**headers, **KEY}, json={"number": 1}))[0] == 200


async def test_a_socket_has_the_credentials_of_its_handshake(site: Site) -> None:
    """Each call and subscription is by their principal."""
    async with site.socket(**BEARER) as socket:
        assert await socket.call("write", number=1) == "ada wrote 1"
        assert (await socket.ask("subscribe", channel="club"))["subscribed"]["channel"] == "club"
    async with site.socket() as socket:
        error = await socket.call("write", number="none")
        assert error["type"] == "CONNECTION_SESSION_NOT_FOUND"


async def test_a_handshake_with_invalid_credentials_is_refused(site: Site) -> None:
    """So that the client learns of it at once."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        async with site.socket(**FORGED):
            pass
    assert raised.value.status == 401
    assert raised.value.headers is not None
    assert 'error="invalid_token"' in raised.value.headers["WWW-Authenticate"]


async def test_a_browser_authenticates_with_a_message(site: Site) -> None:
    """It cannot set headers of a handshake."""
    async with site.socket() as socket:
        answer = await socket.ask("authenticate", token="forged")
        assert answer["messageId"] == 1
        assert answer["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
        assert (await socket.call("who"))["user"] is None

        schemes: list[Any] = [1, "", "two words", "a" * 65, "é"]
        invalid: list[dict[str, Any]] = [{}, {"token": 1}, {"token": ""}]
        invalid += [{"token": WRITE, "scheme": scheme} for scheme in schemes]
        for message in invalid:
            answer = await socket.ask("authenticate", **message)
            assert "Invalid " in answer["error"]["message"]

        answer = await socket.ask("authenticate", token=WRITE)
        assert answer == {"messageId": 1, "authenticated": {"user": "ada", "scopes": ["write"]}}
        assert await socket.call("write", number=2) == "ada wrote 2"

        answer = await socket.ask("authenticate", token=READ, scheme="key")
        assert answer["authenticated"]["user"] == "bob"
        assert (await socket.call("write", number=2))["type"] == "CONNECTION_ACTION_FORBIDDEN"


async def test_a_revocation_reaches_open_sockets(site: Site) -> None:
    """Subscriptions end, and calls are refused; the socket stays open."""
    async with site.socket(**BEARER) as socket, site.socket(**READER) as other:
        for each in (socket, other):
            assert "subscribed" in await each.ask("subscribe", channel="club")

        site.tokens.revoke(WRITE, "1")

        assert await socket.receive() == {"unsubscribed": {"channel": "club"}}
        error = await socket.call("private")
        assert (error["type"], error["message"]) == (
            "CONNECTION_SESSION_NOT_FOUND", "The token is revoked",
        )  # fmt: skip
        assert await other.call("private") == "bob"


async def test_an_event_stream_ends_with_its_credentials(site: Site) -> None:
    """It is authorized as a subscription over a socket."""
    url = f"{site.url}/api/channels/club/events"
    async with site.client.get(url) as response:
        assert response.status == 403
    async with site.client.get(url, headers=FORGED) as response:
        assert response.status == 401
    async with site.client.get(url, headers=BEARER) as response:
        assert response.status == 200
        assert b"event: subscribed" in await read_event(response)

        site.tokens.revoke(WRITE, "1")

        assert b"event: unsubscribed" in await read_event(response)


async def read_event(response: aiohttp.ClientResponse) -> bytes:
    """Return the next event that is no comment."""
    while True:
        event = await asyncio.wait_for(response.content.readuntil(b"\n\n"), 20)
        if not event.startswith(b":"):
            return event


@pytest.mark.parametrize(
    ("options", "code", "output"),
    [
        ([], 1, "CONNECTION_SESSION_NOT_FOUND"),
        (["--as-user", "ada"], 0, '"ada"'),
        (["--as-user", "7"], 0, '"7"'),
        (["--as-user", "NaN"], 0, '"NaN"'),
        (["--as-user", ""], 2, "Invalid value for '--as-user': it names no user"),
        (["--as-user", "false"], 2, "Invalid value for '--as-user': it names no user"),
        (["--as-user", "\udcff"], 2, "Invalid value for '--as-user': it is not UTF-8"),
        (["--as-user", "1e400"], 2, "Invalid value for '--as-user': it contains"),
        (["--as-user", '[{"id": -1e400}]'], 2, "Invalid value for '--as-user': it contains"),
        (["--as-user", '"\\ud800"'], 2, "Invalid value for '--as-user': it contains"),
    ],
)
def test_an_operator_calls_as_a_user(
    place: Place, options: list[str], code: int, output: str
) -> None:
    """On the command line, an action that requires a user."""
    place.write("shop/__init__.py", "")
    place.write(
        "shop/actions.py",
        "from actionhero import Action, Call, SignedIn\n"
        "class Private(Action):\n"
        '    """Return the caller."""\n'
        '    name = "private"\n'
        "    requires = SignedIn()\n"
        "    async def run(self, call: Call) -> str:\n"
        "        return call.principal.id\n",
    )
    command = place.run("--app", "shop", *options, "call", "private")

    assert command.code == code, command
    assert output in command.stdout + command.stderr
    if code == 0:
        assert json.loads(command.stdout) == options[1]


def test_an_operator_enqueues_as_a_user(place: Place) -> None:
    """The job has the user of `--as-user`, as a call has."""
    place.write("shop/__init__.py", "")
    place.write(
        "shop/actions.py",
        "from actionhero import Action, Call, SignedIn\n"
        "class Private(Action):\n"
        '    """Return the caller."""\n'
        '    name = "private"\n'
        "    requires = SignedIn()\n"
        "    async def run(self, call: Call) -> str:\n"
        "        return call.principal.id\n",
    )
    place.enabled = ["tasks"]
    ids = [
        place.run("--app", "shop", *options, "enqueue", "private").stdout.strip()
        for options in (["--as-user", "7"], [])
    ]
    worker = place.start("--app", "shop", "worker")
    results = [place.run("--app", "shop", "job", "result", id, "--wait", "20") for id in ids]
    worker.stop()

    assert results[0].stdout.strip() == '"7"', results
    assert results[1].code != 0
