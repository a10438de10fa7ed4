"""An application with an authorization server on a free port, a browser and a client for it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from actionhero import (
    Action,
    Call,
    Field,
    Inputs,
    InvalidCredentials,
    RunMode,
    Scope,
    Secret,
    SignedIn,
    hookimpl,
)
from actionhero.testing import free_port, running_app
from actionhero_oauth import plugin as oauth_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_sessions import Sessions
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
CLIENT = "shop-app"
REDIRECT_URI = "https://client.example/callback"


class SignInInputs(Inputs):
    email: str = Field(description="E-mail.")
    password: Secret[str] = Field(description="Password.")


class SignIn(Action):
    name = "session:create"
    web = "PUT /session"

    async def run(self, inputs: SignInInputs, call: Call) -> None:
        if inputs.password != "right":
            raise InvalidCredentials("Invalid email or password")
        await call.session.regenerate()
        call.session["userId"] = inputs.email


class SignOutEverywhere(Action):
    name = "sessions:destroy"
    web = "DELETE /sessions"
    requires = SignedIn()

    async def run(self, call: Call) -> int:
        return await call.get(Sessions).destroy_all(call.principal.user)


class WhoAmI(Action):
    name = "whoami"
    web = "GET /whoami"
    requires = SignedIn()

    async def run(self, call: Call) -> dict[str, Any]:
        scopes = None if call.principal.scopes is None else sorted(call.principal.scopes)
        return {"user": call.principal.user, "scopes": scopes, "by": call.principal.method}


class Write(Action):
    name = "message:write"
    web = "POST /messages"
    requires = Scope("messages:write")

    async def run(self, call: Call) -> str:
        return call.principal.id


class Application:
    """A plugin with the actions."""

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [SignIn, SignOutEverywhere, WhoAmI, Write]


class TokenResponse(NamedTuple):
    """The response of the token endpoint."""

    status: int
    values: dict[str, Any]


class Site:
    """A running application."""

    def __init__(self, app: RunningApp, issuer: str) -> None:
        self.app = app
        self.issuer = issuer

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """Return a browser with its own cookies."""
        return httpx.AsyncClient(
            base_url=self.issuer, headers={"Sec-Fetch-Site": "same-origin", **headers}
        )

    def client(self, token: str = "") -> httpx.AsyncClient:
        """Return the program of a client."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.issuer, headers=headers)

    async def start(self, browser: httpx.AsyncClient, **parameters: str) -> httpx.Response:
        """Return the response to a request for authorization."""
        query = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT_URI,
            "state": "s 1&2",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **parameters,
        }
        query = {name: value for name, value in query.items() if value}
        return await browser.get("/oauth/authorize", params=query)

    async def consent_page(
        self, browser: httpx.AsyncClient, user: str = "ada@example.com", **parameters: str
    ) -> httpx.Response:
        """Sign a user in, and return the consent page."""
        page = await browser.get(hop(await self.start(browser, **parameters)))
        form = hidden_fields(page.text)
        response = await browser.post(
            page.url.path, data={**form, "email": user, "password": "right"}
        )
        assert response.status_code == 303, response.text
        return await browser.get(response.headers["Location"])

    async def allow(
        self, browser: httpx.AsyncClient, page: httpx.Response, **fields: Any
    ) -> dict[str, str]:
        """Allow the request, and return the parameters that the client receives."""
        scopes = re.findall(r'name="scope" checked value="([^"]+)"', page.text)
        data = {**hidden_fields(page.text), "answer": "allow", "scope": scopes, **fields}
        return redirected(await browser.post(page.url.path, data=data))

    async def code(self, **parameters: str) -> str:
        """Return a new code."""
        async with self.browser() as browser:
            page = await self.consent_page(browser, **parameters)
            if page.status_code == 303:
                # The user has allowed it before.
                return redirected(page)["code"]
            return (await self.allow(browser, page))["code"]

    async def token(self, **parameters: str) -> TokenResponse:
        """Send a request to the token endpoint."""
        async with self.client() as client:
            data = {"client_id": CLIENT, **parameters}
            response = await client.post("/oauth/token", data=data)
        assert response.headers["Cache-Control"] == "no-store"
        return TokenResponse(response.status_code, response.json())

    async def exchange(self, code: str, /, **parameters: str) -> TokenResponse:
        """Exchange a code."""
        values = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": REDIRECT_URI,
            **parameters,
        }
        return await self.token(**values)

    async def refresh(self, token: str, **parameters: str) -> TokenResponse:
        """Use a refresh token."""
        return await self.token(grant_type="refresh_token", refresh_token=token, **parameters)

    async def tokens(self, **parameters: str) -> dict[str, Any]:
        """Return the tokens of a new grant."""
        response = await self.exchange(await self.code(**parameters))
        assert response.status == 200, response.values
        return response.values

    async def whoami(self, token: str) -> httpx.Response:
        """Call an action with an access token."""
        async with self.client(token) as client:
            return await client.get("/api/whoami")


def hop(response: httpx.Response) -> str:
    """Return the path that a page leads to without a click."""
    assert response.status_code == 200, response.text
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', response.text)
    assert found, response.text
    return unescape(found[1])


def hidden_fields(text: str) -> dict[str, str]:
    """Return the hidden fields of a form."""
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text))


def redirected(response: httpx.Response) -> dict[str, str]:
    """Return the parameters of a redirect to the client."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == REDIRECT_URI
    return {name: values[0] for name, values in parse_qs(location.query).items()}


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
        port = free_port()
        client = f'[{{"id": "{CLIENT}", "name": "Shop", "redirect_uris": ["{REDIRECT_URI}"]}}]'
        scopes = '{"mcp": "Use this application", "messages:write": "Write messages for you"}'
        variables = {
            "REDIS_URL": redis_server.url,
            "PORT": str(port),
            "ACTIONHERO_APP__SECRET_KEY": "k" * 64,
            "ACTIONHERO_ERRORS__SHOW_TRACEBACKS": "false",
            "ACTIONHERO_OAUTH__CLIENTS": client,
            "ACTIONHERO_OAUTH__SCOPES": scopes,
            **environ,
        }
        async with running_app(
            web_plugin, redis_plugin, sessions_plugin, oauth_plugin, Application(), *plugins,
            environ=variables, mode=RunMode.SERVER,
        ) as app:  # fmt: skip
            yield Site(app, f"http://127.0.0.1:{port}")

    return serve


@pytest.fixture
async def site(serve: Serve) -> AsyncIterator[Site]:
    """The application with default settings."""
    async with serve() as site:
        yield site
