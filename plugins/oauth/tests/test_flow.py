"""The authorization code flow, from the first request to the end of the grant."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from plugins.oauth.tests.conftest import CLIENT, VERIFIER, hidden_fields, hop, redirected

if TYPE_CHECKING:
    from plugins.oauth.tests.conftest import Serve, Site


async def test_a_user_signs_in_and_allows_a_client(site: Site) -> None:
    async with site.browser() as browser:
        start = await site.start(browser)
        page = await browser.get(hop(start))
        assert "Sign in to" in page.text
        assert "Shop" in page.text
        consent = await site.consent_page(browser)
        assert "Allow <b>Shop</b>" in consent.text
        assert "Use this application" in consent.text
        parameters = await site.allow(browser, consent)

    assert parameters["state"] == "s 1&2"
    assert parameters["iss"] == site.issuer

    response = await site.exchange(parameters["code"])
    assert response.status == 200
    assert response.values["token_type"] == "Bearer"
    assert response.values["expires_in"] == 3600
    assert response.values["scope"] == "mcp"

    who = await site.whoami(response.values["access_token"])
    assert who.json() == {"user": "ada@example.com", "scopes": ["mcp"], "by": "oauth"}


async def test_a_wrong_password_is_answered_with_the_form(site: Site) -> None:
    async with site.browser() as browser:
        page = await browser.get(hop(await site.start(browser)))
        data = {**hidden_fields(page.text), "email": "ada@example.com", "password": "wrong"}

        response = await browser.post(page.url.path, data=data)

    assert response.status_code == 401
    assert "Invalid email or password" in response.text
    assert "wrong" not in response.text


async def test_a_user_denies_a_client(site: Site) -> None:
    async with site.browser() as browser:
        page = await site.consent_page(browser)
        data = {**hidden_fields(page.text), "answer": "deny"}

        parameters = redirected(await browser.post(page.url.path, data=data))
        again = await browser.post(page.url.path, data=data)

    assert parameters["error"] == "access_denied"
    assert parameters["iss"] == site.issuer
    assert again.status_code == 410


async def test_a_user_grants_less_than_requested(site: Site) -> None:
    async with site.browser() as browser:
        page = await site.consent_page(browser, scope="mcp messages:write")
        parameters = await site.allow(browser, page, scope=["mcp"])
    tokens = (await site.exchange(parameters["code"])).values

    async with site.client(tokens["access_token"]) as client:
        refused = await client.post("/api/messages")

    assert tokens["scope"] == "mcp"
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert 'scope="messages:write"' in refused.headers["WWW-Authenticate"]


async def test_a_known_client_is_not_asked_twice_for_the_same(site: Site) -> None:
    async with site.browser() as browser:
        page = await site.consent_page(browser)
        code = (await site.allow(browser, page))["code"]
        assert (await site.exchange(code)).status == 200

        second = redirected(await browser.get(hop(await site.start(browser))))
        more = await browser.get(hop(await site.start(browser, scope="messages:write")))

    assert (await site.exchange(second["code"])).status == 200
    assert more.status_code == 200
    assert "Write messages for you" in more.text


async def test_refresh_tokens_rotate_and_the_old_one_has_a_grace_time(site: Site) -> None:
    first = await site.tokens()

    second = await site.refresh(first["refresh_token"])
    repeated = await site.refresh(first["refresh_token"])

    assert second.status == 200
    assert second.values["refresh_token"] != first["refresh_token"]
    assert repeated.values["refresh_token"] == second.values["refresh_token"]
    assert repeated.values["access_token"] == second.values["access_token"]
    assert (await site.whoami(first["access_token"])).status_code == 200
    assert (await site.whoami(second.values["access_token"])).status_code == 200


async def test_an_older_refresh_token_ends_the_grant(site: Site) -> None:
    first = await site.tokens()
    second = (await site.refresh(first["refresh_token"])).values
    third = (await site.refresh(second["refresh_token"])).values
    assert (await site.whoami(third["access_token"])).status_code == 200

    reused = await site.refresh(first["refresh_token"])

    assert (reused.status, reused.values["error"]) == (400, "invalid_grant")
    assert (await site.refresh(third["refresh_token"])).status == 400
    await _until_refused(site, third["access_token"])


async def test_a_code_that_is_used_twice_ends_its_grant(site: Site) -> None:
    code = await site.code()
    tokens = (await site.exchange(code)).values
    assert (await site.whoami(tokens["access_token"])).status_code == 200

    again = await site.exchange(code)

    assert (again.status, again.values["error"]) == (400, "invalid_grant")
    await _until_refused(site, tokens["access_token"])


async def test_one_of_many_concurrent_redemptions_succeeds(site: Site) -> None:
    code = await site.code()

    responses = await asyncio.gather(*(site.exchange(code) for _ in range(10)))

    assert [response.status for response in responses].count(200) == 1


async def test_a_client_ends_a_grant_with_either_token(site: Site) -> None:
    for kind in ("access_token", "refresh_token"):
        tokens = await site.tokens()
        async with site.client() as client:
            data = {"client_id": CLIENT, "token": tokens[kind]}
            response = await client.post("/oauth/revoke", data=data)
            unknown = await client.post("/oauth/revoke", data={**data, "token": "aha_x.1.y"})
        assert (response.status_code, unknown.status_code) == (200, 200)
        assert (await site.refresh(tokens["refresh_token"])).status == 400
        await _until_refused(site, tokens["access_token"])


async def test_signing_out_everywhere_ends_all_grants(site: Site) -> None:
    tokens = await site.tokens()
    async with site.client(tokens["access_token"]) as client:
        assert (await client.delete("/api/sessions")).status_code == 200

    await _until_refused(site, tokens["access_token"])
    refused = await site.whoami(tokens["access_token"])

    challenge = refused.headers["WWW-Authenticate"]
    metadata = f'resource_metadata="{site.issuer}/.well-known/oauth-protected-resource/api"'
    assert metadata in challenge
    assert 'error="invalid_token"' in challenge


async def test_an_end_in_one_process_reaches_the_others(serve: Serve) -> None:
    issuer = {"ACTIONHERO_OAUTH__ISSUER": "https://shop.example"}
    async with serve(**issuer) as first, serve(**issuer) as second:
        tokens = await first.tokens()
        token = tokens["access_token"]
        async with second.client(token) as client:
            # Cached in both.
            assert (await first.whoami(token)).status_code == 200
            assert (await client.get("/api/whoami")).status_code == 200
            async with first.client() as other:
                await other.post("/oauth/revoke", data={"client_id": CLIENT, "token": token})
        await _until_refused(second, token)


async def test_a_user_sees_and_ends_connections(site: Site) -> None:
    async with site.browser() as browser:
        page = await site.consent_page(browser)
        code = (await site.allow(browser, page))["code"]
        tokens = (await site.exchange(code)).values

        listed = await browser.get("/oauth/connections")
        assert "Shop" in listed.text
        response = await browser.post("/oauth/connections", data=hidden_fields(listed.text))
        empty = await browser.get(response.headers["Location"])

    assert "There are none" in empty.text
    await _until_refused(site, tokens["access_token"])
    async with site.browser() as stranger:
        assert (await stranger.get("/oauth/connections")).status_code == 401


async def test_a_user_cannot_end_the_grant_of_another(site: Site) -> None:
    tokens = await site.tokens()
    grant_id = tokens["access_token"].removeprefix("aha_").partition(".")[0]
    async with site.browser() as browser:
        page = await site.consent_page(browser, user="eve@example.com")
        await site.exchange((await site.allow(browser, page))["code"])
        listed = await browser.get("/oauth/connections")
        data = {**hidden_fields(listed.text), "grant": grant_id}
        await browser.post("/oauth/connections", data=data)

    assert (await site.whoami(tokens["access_token"])).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "https://client.example/other"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"resource": "https://other.example/api"}, "invalid_target"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"client_secret": "guess"}, "invalid_client"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
async def test_a_code_is_refused(site: Site, parameters: dict[str, str], error: str) -> None:
    response = await site.exchange(await site.code(), **parameters)

    assert response.values["error"] == error
    assert response.status == (401 if error == "invalid_client" else 400)
    assert VERIFIER not in str(response.values)


async def _until_refused(site: Site, token: str) -> None:
    """Wait until a token is refused; fails after a second, within which every process must."""
    async with asyncio.timeout(1):
        while (await site.whoami(token)).status_code != 401:
            pass


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("token", {}, "grant_type"),
        ("token", {"grant_type": "authorization_code"}, "code"),
        ("token", {"grant_type": "refresh_token"}, "refresh_token"),
        ("revoke", {}, "token"),
    ],
)
async def test_a_missing_parameter_is_an_invalid_request(
    site: Site, path: str, fields: dict[str, str], name: str
) -> None:
    async with site.client() as client:
        response = await client.post(f"/oauth/{path}", data={"client_id": CLIENT, **fields})

    assert response.status_code == 400
    assert response.json() == {
        "error": "invalid_request",
        "error_description": f"{name} is missing",
    }


async def test_bodies_that_cannot_be_read(site: Site) -> None:
    """Programs read an error of OAuth, and users a page."""
    form = "application/x-www-form-urlencoded"
    headers = {"Content-Type": form, "Content-Encoding": "gzip"}
    async with site.browser() as browser:
        page = await site.consent_page(browser)
        documents = [
            await browser.post(f"/oauth/{path}", content=b"no gzip", headers=headers)
            for path in ("token", "revoke", "register")
        ]
        charset = {"Content-Type": f"{form}; charset=utf-16"}
        documents.append(await browser.post("/oauth/token", content=b"x", headers=charset))
        answered = await browser.post(page.url.path, content=b"no gzip", headers=headers)

    assert [item.status_code for item in documents] == [400, 400, 400, 415]
    errors = [item.json()["error"] for item in documents]
    assert errors == ["invalid_request"] * 2 + ["invalid_client_metadata", "invalid_request"]
    assert answered.status_code == 400
    assert "The compressed body is malformed." in answered.text
    assert answered.headers["Content-Type"] == "text/html; charset=utf-8"
