"""The description of tokens (RFC 7662): its members, and the clients that may ask for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from plugins.oauth.tests.conftest import CLIENT, REDIRECT_URI

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from plugins.oauth.tests.conftest import Serve, Site

SECRET = "the secret of the client"
INACTIVE = {"active": False}


@contextlib.asynccontextmanager
async def serving(serve: Serve, **environ: str) -> AsyncIterator[Site]:
    """Serve an application with one client that has a secret, and another one."""
    clients = [
        {"id": CLIENT, "name": "Shop", "redirect_uris": [REDIRECT_URI]},
        {"id": "api", "name": "API", "secret": SECRET, "redirect_uris": [REDIRECT_URI]},
    ]
    variables = {
        "ACTIONHERO_OAUTH__CLIENTS": json.dumps(clients),
        "ACTIONHERO_OAUTH__INTROSPECTION": "true",
        **environ,
    }
    async with serve(**variables) as site:
        yield site


async def ask(site: Site, **fields: str) -> httpx.Response:
    """Ask for the description of a token, by default as the client with the secret."""
    async with site.client() as http:
        data = {"client_id": "api", "client_secret": SECRET, **fields}
        return await http.post("/oauth/introspect", data=data)


async def describe(site: Site, token: str, **fields: str) -> Any:
    """Return the description of a token."""
    response = await ask(site, token=token, **fields)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return response.json()


@pytest.mark.parametrize("client", [CLIENT, "api"], ids=["foreign", "own"])
async def test_the_members_of_an_access_token(serve: Serve, client: str) -> None:
    """A resource server asks, so the token may be one of any client."""
    own = {"client_secret": SECRET} if client == "api" else {}
    async with serving(serve) as site:
        code = await site.code(client_id=client, scope="messages:write mcp")
        began = int(time.time())
        tokens = (await site.exchange(code, client_id=client, **own)).values
        described = await describe(site, tokens["access_token"])
        hinted = await describe(site, tokens["access_token"], token_type_hint="refresh_token")

        assert began + 3600 <= described.pop("exp") <= time.time() + 3600
        assert described == {
            "active": True,
            "client_id": client,
            "sub": "ada@example.com",
            "scope": "mcp messages:write",
            "aud": f"{site.issuer}/api",
            "iss": site.issuer,
            "token_type": "Bearer",
        }
        assert {**described, "exp": hinted["exp"]} == hinted


async def test_other_tokens_are_described_as_inactive_only(serve: Serve) -> None:
    async with serving(serve, ACTIONHERO_OAUTH__ACCESS_TTL="1s") as site:
        revoked, expired = await site.tokens(), await site.tokens()
        async with site.client() as http:
            data = {"client_id": CLIENT, "token": revoked["refresh_token"]}
            await http.post("/oauth/revoke", data=data)
        refresh = await describe(site, expired["refresh_token"])
        async with asyncio.timeout(5):
            while (await describe(site, expired["access_token"]))["active"]:
                pass
        access = expired["access_token"]
        others = {
            text: await describe(site, text)
            for text in (revoked["access_token"], access, access[:-1], "x", "\u00e4", "a" * 5000)
        }

    assert refresh == INACTIVE
    assert others == dict.fromkeys(others, INACTIVE)


async def test_only_clients_with_a_secret_may_ask(serve: Serve) -> None:
    async with serving(serve) as site:
        access = (await site.tokens())["access_token"]
        async with site.client() as http:
            metadata = {"redirect_uris": [REDIRECT_URI]}
            registered = (await http.post("/oauth/register", json=metadata)).json()["client_id"]
            basic = base64.b64encode(f"api:{SECRET.replace(' ', '+')}".encode()).decode()
            accepted = await http.post(
                "/oauth/introspect",
                data={"token": access},
                headers={"Authorization": f"Basic {basic}"},
            )
            bearer = await http.post(
                "/oauth/introspect",
                data={"token": access},
                headers={"Authorization": f"Bearer {access}"},
            )
            read = await http.get("/oauth/introspect", params={"token": access})
        refused = [
            bearer,
            await ask(site, token=access, client_secret="wrong"),
            await ask(site, token=access, client_secret=""),
            *[
                await ask(site, token=access, client_id=client, client_secret=secret)
                for client in (CLIENT, registered, "unknown", "")
                for secret in ("", SECRET)
            ],
        ]
        # The token itself is required (RFC 7662 §2.1).
        missing = await ask(site)

    assert accepted.json()["active"] is True
    assert not read.is_success
    for response in refused:
        assert response.status_code == 401
        assert response.json().keys() == {"error", "error_description"}
        assert response.json()["error"] == "invalid_client"
        assert response.headers["WWW-Authenticate"] == "Basic"
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


async def test_it_is_off_by_default(site: Site) -> None:
    async with site.client() as http:
        response = await http.post("/oauth/introspect", data={"token": "x"})
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()

    assert response.status_code == 404
    assert "introspection_endpoint" not in metadata
