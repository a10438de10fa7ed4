"""Agents that sign in by OAuth: the client of the official SDK through the whole flow."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from plugins.mcp.tests.conftest import meta, request
from plugins.mcp.tests.published_schemas import check_messages

from actionhero import Action, Call, Inputs, PluginError, RunMode, Scope, Secret, SignedIn, hookimpl
from actionhero.testing import free_port, running_app
from actionhero_mcp import Tool
from actionhero_mcp import plugin as mcp_plugin
from actionhero_oauth import AuthorizationServer
from actionhero_oauth import plugin as oauth_plugin
from actionhero_oauth.clients import Client as OAuthClient
from actionhero_oauth.clients import ClientKind
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_sessions import Sessions
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

REDIRECT_URI = "http://127.0.0.1:3344/callback"
DOCUMENT = "https://agent.example/client.json"


class SignInInputs(Inputs):
    """The name."""

    name: str


class SignIn(Action):
    """Sign in."""

    name = "session:create"
    web = "PUT /session"

    async def run(self, inputs: SignInInputs, call: Call) -> None:
        await call.session.regenerate()
        call.session["userId"] = inputs.name


class Me(Action):
    """Return the user and the scopes."""

    name = "me"
    mcp = True
    requires = SignedIn()

    async def run(self, call: Call) -> dict[str, Any]:
        return {"user": call.principal.user, "scopes": sorted(call.principal.scopes or ())}


class Write(Action):
    """Write a message."""

    name = "message:write"
    mcp = True
    requires = Scope("messages:write")

    async def run(self, call: Call) -> str:
        return f"written by {call.principal.id}"


class Ask(Action):
    """Ask for a name."""

    name = "ask"
    mcp = True

    async def run(self, call: Call) -> str:
        answer = await call.ask("What is your name?", SignInInputs)
        return f"Hello, {answer.value.name}" if answer.value else answer.action


class RenameInputs(Inputs):
    """The inputs of `rename`."""

    name: str
    password: Secret[str]


class Rename(Action):
    """Rename the user."""

    name = "rename"
    mcp = Tool(secrets=True)

    async def run(self, inputs: RenameInputs) -> str:
        return inputs.name


class Wait(Action):
    """Wait until the call is cancelled."""

    name = "wait"
    mcp = True
    BEGAN = asyncio.Event()

    async def run(self) -> None:
        self.BEGAN.set()
        await asyncio.Event().wait()


class Application:
    """A plugin with the actions."""

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [SignIn, Me, Write, Ask, Rename, Wait]


class Site(NamedTuple):
    """A running application."""

    app: RunningApp
    issuer: str
    url: str

    async def post(self, token: str, method: str, **params: Any) -> tuple[int, Any, str]:
        """Send a request, and return status, body and challenge."""
        async with aiohttp.ClientSession() as session, self.open(
            session, token, method, **params
        ) as response:  # fmt: skip
            body = await response.json(content_type=None)
            sent = self.message(method, **params)
            check_messages(sent, response.request_info.headers, [body])
            return response.status, body, response.headers.get("WWW-Authenticate", "")

    def open(self, session: aiohttp.ClientSession, token: str, method: str, **params: Any) -> Any:
        """Send a request of the newest revision."""
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        return session.post(self.url, json=self.message(method, **params), headers=headers)

    def message(self, method: str, **params: Any) -> dict[str, Any]:
        """Return a request of the newest revision."""
        return request(method, {"_meta": meta(elicitation={"form": {}}), **params})


class User:
    """A user with a browser, and the storage of their agent.

    Args:
        site: The application.
        name: The name.
        scopes: The scopes that the user allows.
    """

    def __init__(self, site: Site, name: str, *scopes: str) -> None:
        self.site = site
        self.name = name
        self.scopes = list(scopes)
        self.consents = 0
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None
        self._cookies = httpx.Cookies()
        self._received: dict[str, str] = {}

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    @property
    def token(self) -> str:
        assert self.tokens
        return self.tokens.access_token

    async def visit(self, url: str) -> None:
        """Sign in and allow a request, as a browser does."""
        headers = {"Sec-Fetch-Site": "same-origin"}
        async with httpx.AsyncClient(headers=headers, cookies=self._cookies) as browser:
            hop = await browser.get(url)
            found = re.search(r'content="0;url=([^"]+)"', hop.text)
            assert found, hop.text
            page = await browser.get(self.site.issuer + found[1])
            if 'value="sign_in"' in page.text:
                data: dict[str, Any] = {**_hidden(page.text), "name": self.name}
                await browser.post(str(page.url), data=data)
                page = await browser.get(str(page.url))
            self.consents += 1
            data = {**_hidden(page.text), "answer": "allow", "scope": self.scopes}
            response = await browser.post(str(page.url), data=data)
            self._cookies = browser.cookies
        query = parse_qs(urlsplit(response.headers["Location"]).query)
        self._received = {name: values[0] for name, values in query.items()}

    async def callback(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self._received)

    @contextlib.asynccontextmanager
    async def agent(self, document: str | None = None) -> AsyncIterator[Client]:
        """Run the agent of the user, which signs in when it has to."""
        metadata = OAuthClientMetadata.model_validate(
            {"client_name": "Agent", "redirect_uris": [REDIRECT_URI],
             "token_endpoint_auth_method": "none"}
        )  # fmt: skip
        auth = OAuthClientProvider(
            self.site.url, metadata, self, self.visit, self.callback, client_metadata_url=document
        )
        async with (
            httpx2.AsyncClient(auth=auth, follow_redirects=True) as http,
            Client(
                streamable_http_client(self.site.url, http_client=http), mode="2026-07-28"
            ) as client,
        ):
            yield client

    async def post(self, path: str, **data: str) -> httpx.Response:
        """Send a request of the agent to the authorization server."""
        assert self.client
        async with httpx.AsyncClient() as http:
            data["client_id"] = str(self.client.client_id)
            return await http.post(f"{self.site.issuer}/oauth/{path}", data=data)


def _hidden(text: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text))


@contextlib.asynccontextmanager
async def serving(
    redis_url: str, issuer: str = "", *plugins: Any, **environ: str
) -> AsyncIterator[Site]:
    """Run the application."""
    port = free_port()
    issuer = issuer or f"http://127.0.0.1:{port}"
    variables = {
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "ACTIONHERO_APP__SECRET_KEY": "k" * 64,
        "ACTIONHERO_MCP__AUTH": "required",
        "ACTIONHERO_OAUTH__ISSUER": issuer,
        "ACTIONHERO_OAUTH__SCOPES": '{"mcp": "Use it", "messages:write": "Write messages"}',
        **environ,
    }
    async with running_app(
        web_plugin, redis_plugin, sessions_plugin, oauth_plugin, mcp_plugin, Application(),
        *plugins, environ=variables, mode=RunMode.SERVER,
    ) as app:  # fmt: skip
        yield Site(app, issuer, f"http://127.0.0.1:{port}/mcp")


@pytest.fixture
async def site(redis_server: ThrowAwayRedis) -> AsyncIterator[Site]:  # noqa: F811 - the fixture
    """The application."""
    async with serving(redis_server.url) as site:
        yield site


async def until_refused(site: Site, token: str) -> None:
    """Wait until a token is refused; within a second by the documentation."""
    async with asyncio.timeout(10):
        while (await site.post(token, "tools/list"))[0] != 401:  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.02)


async def test_the_sdk_signs_in_steps_up_refreshes_and_is_revoked(site: Site) -> None:
    status, _, challenge = await site.post("", "tools/list")
    assert status == 401
    assert f'resource_metadata="{site.issuer}/.well-known/oauth-protected-resource/mcp"' in (
        challenge
    )
    assert 'scope="mcp"' in challenge
    ada = User(site, "ada", "mcp")

    async with ada.agent() as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [
            "ask", "me", "message-write", "rename", "wait"
        ]  # fmt: skip
        me = await client.call_tool("me", {})
        assert me.structured_content == {"user": "ada", "scopes": ["mcp"]}
        assert ada.consents == 1

        ada.scopes = ["mcp", "messages:write"]
        written = await client.call_tool("message-write", {})
        assert not written.is_error
        assert ada.consents == 2

        assert ada.tokens
        assert ada.tokens.refresh_token
    response = await ada.post(
        "token", grant_type="refresh_token", refresh_token=ada.tokens.refresh_token
    )
    assert response.status_code == 200
    token = response.json()["access_token"]
    assert (await site.post(token, "tools/list"))[0] == 200

    assert (await ada.post("revoke", token=token)).status_code == 200
    await until_refused(site, token)
    assert 'error="invalid_token"' in (await site.post(token, "tools/list"))[2]


async def test_a_client_with_a_document_needs_no_registration(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = site.app.app.get(AuthorizationServer).clients

    async def find(url: str) -> OAuthClient:
        assert url == DOCUMENT
        return OAuthClient(url, "Agent", (REDIRECT_URI,), ClientKind.DOCUMENT)

    monkeypatch.setattr(registry._documents, "find", find)
    ada = User(site, "ada", "mcp")
    async with ada.agent(DOCUMENT) as client:
        me = await client.call_tool("me", {})

    assert me.structured_content == {"user": "ada", "scopes": ["mcp"]}
    assert ada.client
    assert ada.client.client_id == DOCUMENT


async def test_users_call_tools_as_their_scopes_allow(site: Site) -> None:
    ada, bob = User(site, "ada", "mcp", "messages:write"), User(site, "bob", "mcp")
    for user in (ada, bob):
        async with user.agent() as client:
            await client.list_tools()
            if user is ada:
                # The first request asks for the default scopes only.
                assert not (await client.call_tool("message-write", {})).is_error

    allowed = await site.post(ada.token, "tools/call", name="message-write", arguments={})
    refused = await site.post(bob.token, "tools/call", name="message-write", arguments={})

    assert allowed[0] == 200
    assert allowed[1]["result"]["content"][0]["text"] == "written by ada"
    assert refused[0] == 403
    assert 'error="insufficient_scope"' in refused[2]
    assert 'scope="mcp messages:write"' in refused[2]


async def test_foreign_tokens_and_states_are_refused(site: Site) -> None:
    ada, bob = User(site, "ada", "mcp"), User(site, "bob", "mcp")
    for user in (ada, bob):
        async with user.agent() as client:
            await client.list_tools()
    _, asked, _ = await site.post(ada.token, "tools/call", name="ask", arguments={})
    state = asked["result"]["requestState"]
    [key] = asked["result"]["inputRequests"]
    answer = {key: {"action": "accept", "content": {"name": "Eve"}}}
    parameters = {"name": "ask", "arguments": {}, "requestState": state, "inputResponses": answer}

    foreign = await site.post(bob.token, "tools/call", **parameters)
    own = await site.post(ada.token, "tools/call", **parameters)
    # A token of this resource is none for the actions over HTTP.
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {ada.token}"}) as http:
        other = await http.put(f"{site.issuer}/api/session", json={"name": "x"})
    # Another client has nothing to do with the grant.
    assert ada.tokens
    stolen = await bob.post(
        "token", grant_type="refresh_token", refresh_token=str(ada.tokens.refresh_token)
    )

    assert foreign[1]["error"]["code"] == -32602
    assert own[1]["result"]["content"][0]["text"] == "Hello, Eve"
    assert other.status_code == 401
    assert stolen.json()["error"] == "invalid_grant"


async def test_a_sign_out_everywhere_ends_tokens_and_streams_of_all_servers(
    redis_server: ThrowAwayRedis,  # noqa: F811 - the fixture
) -> None:
    async with (
        serving(redis_server.url) as first,
        serving(redis_server.url, first.issuer) as second,
        aiohttp.ClientSession() as session,
    ):
        ada = User(first, "ada", "mcp")
        async with ada.agent() as client:
            await client.list_tools()
        # Both have cached it.
        assert (await second.post(ada.token, "tools/list"))[0] == 200
        listening = {"notifications": {"toolsListChanged": True}}
        async with second.open(
            session, ada.token, "subscriptions/listen", **listening
        ) as stream:  # fmt: skip
            assert b"acknowledged" in await stream.content.readuntil(b"\n\n")
            reading = asyncio.create_task(stream.content.read())
            # It stays open until then.
            await asyncio.wait([reading], timeout=0.3)
            assert not reading.done()

            await first.app.app.get(Sessions).destroy_all("ada")

            await asyncio.wait_for(reading, 10)
        for site in (first, second):
            await until_refused(site, ada.token)


class Publish(Action):
    """Publish a message."""

    name = "message:publish"
    mcp = Tool(scopes=["messages:publish"])

    async def run(self) -> None:
        """Publish."""


class MoreActions:
    """A plugin with one more action."""

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Publish]


async def test_a_tool_with_a_scope_that_users_cannot_grant() -> None:
    """The application does not start."""
    plugins = (web_plugin, redis_plugin, sessions_plugin, oauth_plugin, mcp_plugin)
    with pytest.raises(PluginError) as caught:
        async with running_app(
            *plugins, Application(), MoreActions(), mode=RunMode.SERVER,
            environ={"ACTIONHERO_APP__SECRET_KEY": "k" * 64},
        ):  # fmt: skip
            pass

    assert re.search(
        r"action 'message:publish' \(.*\) requires the scope 'messages:publish', which is not in "
        "oauth.scopes; add it",
        str(caught.value),
    )
