"""Requests that must be refused: of other sites, of wrong clients, with foreign tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from plugins.oauth.tests.conftest import (
    CLIENT,
    REDIRECT_URI,
    VERIFIER,
    hidden_fields,
    hop,
    redirected,
)

from actionhero import BootError, Forbidden, hookimpl
from actionhero_oauth import AuthorizationServer, PageTemplate, ProtectedResource, grants
from actionhero_oauth.authenticator import authenticator_for
from actionhero_oauth.tokens import Tokens
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from plugins.oauth.tests.conftest import Serve, Site


# -- requests for authorization ----------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_id": "unknown"},
        {"client_id": ""},
        {"client_id": "reg_unknown"},
        {"client_id": "https://localhost/client.json"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "a" * 3000},
    ],
    ids=["client", "no-client", "expired", "document", "evil", "slash", "script", "long"],
)
async def test_an_unknown_client_or_address_is_never_redirected_to(
    site: Site, parameters: dict[str, str]
) -> None:
    async with site.browser() as browser:
        response = await site.start(browser, **parameters)

    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "This did not work" in response.text
    assert "evil.example" not in response.text


async def test_a_repeated_parameter_is_refused(site: Site) -> None:
    async with site.browser() as browser:
        response = await browser.get(
            f"/oauth/authorize?client_id={CLIENT}&redirect_uri={REDIRECT_URI}"
            f"&redirect_uri=https://evil.example/"
        )

    assert response.status_code == 400
    assert "more than once" in response.text


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"scope": "mcp admin"}, "invalid_scope"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ],
    ids=["token", "no-type", "mode", "no-pkce", "short", "plain", "no-method", "scope", "resource"],
)
async def test_an_invalid_request_is_answered_to_the_client(
    site: Site, parameters: dict[str, str], error: str
) -> None:
    async with site.browser() as browser:
        received = redirected(await site.start(browser, **parameters))

    assert received["error"] == error
    assert received["state"] == "s 1&2"
    assert received["iss"] == site.issuer


@pytest.mark.parametrize("state", ["\u00e4\u20ac", "a\r\nb", "\x00", "s" * 2000])
async def test_texts_of_clients_are_returned_to_them_as_text(site: Site, state: str) -> None:
    """The description has only the characters of RFC 6749, and a limited length."""
    async with site.browser() as browser:
        scope = '\u00e4"\\' + "x" * 1900
        received = redirected(await site.start(browser, state=state, scope=scope))
        uri = "https://client.example/" + "x" * 100_000
        registered = await browser.post("/oauth/register", json={"redirect_uris": [uri]})
        broken = await browser.get(
            f"/oauth/authorize?client_id={CLIENT}&redirect_uri={REDIRECT_URI}&state=%ED%A0%80%FF"
        )

    assert received["state"] == state
    assert len(received["error_description"]) == 500
    assert received["error_description"].startswith("there is no scope '???")
    assert registered.status_code == 400
    assert len(registered.content) < 1000
    assert broken.status_code == 303


# -- the forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=["cross-site", "same-site", "origin", "null"],
)
async def test_a_form_of_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    async with site.browser() as browser:
        page = await site.consent_page(browser)
        data = {**hidden_fields(page.text), "answer": "allow", "scope": "mcp"}
        async with httpx.AsyncClient(base_url=site.issuer, cookies=browser.cookies) as evil:
            response = await evil.post(page.url.path, data=data, headers=headers)

        assert response.status_code == 403
        # The request is still there.
        assert "code" in await site.allow(browser, page)


async def test_a_form_needs_the_token_of_its_session(site: Site) -> None:
    async with site.browser() as browser, site.browser() as other:
        page = await site.consent_page(browser)
        foreign = await site.consent_page(other, user="eve@example.com")
        for token in ("", "x", hidden_fields(foreign.text)["form_token"], "\u00e4"):
            data = {"form_token": token, "answer": "allow", "scope": "mcp", "step": "consent"}
            response = await browser.post(page.url.path, data=data)
            assert response.status_code == 403, token


async def test_the_pages_cannot_be_framed_and_have_no_script(site: Site) -> None:
    async with site.browser() as browser:
        pages = [await browser.get(hop(await site.start(browser)))]
        pages.append(await site.consent_page(browser))
        pages.append(await browser.get("/oauth/connections"))
        pages.append(await site.start(browser, client_id="unknown"))

    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "<script" not in page.text
    assert (
        "form-action 'self' https://client.example" in pages[1].headers["Content-Security-Policy"]
    )


async def test_texts_of_strangers_are_escaped(serve: Serve) -> None:
    async with serve() as site:
        name = "<script>alert(1)</script>\"'&"
        async with site.client() as client:
            registered = (
                await client.post(
                    "/oauth/register", json={"client_name": name, "redirect_uris": [REDIRECT_URI]}
                )
            ).json()
        async with site.browser() as browser:
            sign_in = await browser.get(
                hop(await site.start(browser, client_id=registered["client_id"]))
            )
            page = await site.consent_page(
                browser, user="<b>x</b>", client_id=registered["client_id"]
            )

    for text in (sign_in.text, page.text):
        assert "<script>" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<b>x</b>" not in page.text


# -- tokens ------------------------------------------------------------------------------------


async def test_a_token_of_another_resource_is_refused(serve: Serve) -> None:
    class Other:
        @hookimpl
        def actionhero_oauth_resources(self) -> list[ProtectedResource]:
            return [ProtectedResource("/mcp", frozenset({"mcp"}))]

    async with serve(Other()) as site:
        default = await site.tokens()
        own = await site.tokens(resource=f"{site.issuer}/API/".replace("/API/", "/api/"))

        refused = await site.whoami(default["access_token"])
        accepted = await site.whoami(own["access_token"])

    assert refused.status_code == 401
    assert "another resource" in refused.json()["error"]["message"]
    assert accepted.status_code == 200


async def test_a_refresh_token_is_no_access_token(site: Site) -> None:
    tokens = await site.tokens()

    assert (await site.whoami(tokens["refresh_token"])).status_code == 401
    assert (await site.refresh(tokens["access_token"])).status == 400


async def test_a_code_and_a_refresh_token_belong_to_their_client(site: Site) -> None:
    async with site.client() as client:
        other = (
            await client.post("/oauth/register", json={"redirect_uris": [REDIRECT_URI]})
        ).json()["client_id"]
    tokens = await site.tokens()

    foreign_code = await site.exchange(await site.code(), client_id=other)
    foreign_refresh = await site.refresh(tokens["refresh_token"], client_id=other)
    async with site.client() as client:
        data = {"client_id": other, "token": tokens["access_token"]}
        await client.post("/oauth/revoke", data=data)

    assert foreign_code.values["error"] == "invalid_grant"
    assert foreign_refresh.values["error"] == "invalid_grant"
    assert (await site.whoami(tokens["access_token"])).status_code == 200


async def test_an_expired_token_is_refused(serve: Serve) -> None:
    async with serve(ACTIONHERO_OAUTH__ACCESS_TTL="1s") as site:
        tokens = await site.tokens()
        async with asyncio.timeout(5):
            while (await site.whoami(tokens["access_token"])).status_code != 401:
                pass
        fresh = await site.refresh(tokens["refresh_token"])

    assert fresh.status == 200


async def test_forged_tokens_are_refused(site: Site) -> None:
    tokens = await site.tokens()
    await _refuse_forged(site, tokens["access_token"], 60)


@pytest.mark.soak
async def test_a_hundred_thousand_forged_tokens_are_refused() -> None:
    tokens, generator = Tokens(lambda: "k" * 64), random.Random(9207)
    valid = tokens.make("access", "g" * 22, 7)
    assert tokens.parse(valid)

    assert not [text for text in _forged(valid, 100_000, generator) if tokens.parse(text)]


async def _refuse_forged(site: Site, valid: str, count: int) -> None:
    async with site.client() as client:
        for text in _forged(valid, count, random.Random(9207)):
            headers = [(b"Authorization", b"Bearer " + text.encode())]
            response = await client.get("/api/whoami", headers=headers)
            assert response.status_code == 401, text
            assert valid not in response.text


def _forged(valid: str, count: int, generator: random.Random) -> list[str]:
    found = []
    grant, generation, code = valid.removeprefix("aha_").split(".")
    for _ in range(count):
        position = generator.randrange(len(valid))
        letter = generator.choice("ABCabc123-_.")
        found.append(
            generator.choice(
                (
                    valid[:position] + letter + valid[position + 1 :],
                    valid[:position],
                    valid + letter,
                    valid[:position] + letter + valid[position:],
                    f"aha_{grant}.{int(generation) + generator.randrange(1, 99)}.{code}",
                    f"ahr_{grant}.{generation}.{code}",
                    f"aha_{grant}.{generation}.{generator.randbytes(32).hex()[:43]}",
                )
            )
        )
    return [text for text in found if text != valid]


# -- clients with a secret ---------------------------------------------------------------------


async def test_a_client_with_a_secret_must_send_it(serve: Serve) -> None:
    secret = "s3cr3t of the client"
    client = json.dumps(
        [{"id": CLIENT, "name": "Shop", "secret": secret, "redirect_uris": [REDIRECT_URI]}]
    )
    async with serve(
        ACTIONHERO_OAUTH__CLIENTS=client, ACTIONHERO_OAUTH__INTROSPECTION="true"
    ) as site:
        metadata = await _metadata(site)
        without = await site.exchange(await site.code())
        wrong = await site.exchange(await site.code(), client_secret="wrong")
        right = await site.exchange(await site.code(), client_secret=secret)
        basic = base64.b64encode(f"{CLIENT}:{secret.replace(' ', '+')}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        async with site.client() as http:
            described = await http.post(
                "/oauth/introspect", data={"token": right.values["access_token"]}, headers=headers
            )
            unknown = await http.post("/oauth/introspect", data={"token": "x"}, headers=headers)
            twice = await http.post(
                "/oauth/introspect", data={"token": "x", "client_secret": secret}, headers=headers
            )

    assert "client_secret_basic" in metadata["token_endpoint_auth_methods_supported"]
    assert (without.status, wrong.status, right.status) == (401, 401, 200)
    assert described.json()["active"] is True
    assert described.json()["sub"] == "ada@example.com"
    assert unknown.json() == {"active": False}
    assert twice.status_code == 400


async def _metadata(site: Site) -> dict[str, Any]:
    async with site.client() as client:
        document: dict[str, Any] = (
            await client.get("/.well-known/oauth-authorization-server")
        ).json()
    return document


async def test_the_metadata_is_exact(site: Site) -> None:
    metadata = await _metadata(site)
    async with site.client() as client:
        resource = (await client.get("/.well-known/oauth-protected-resource/api")).json()
        unknown = await client.get("/.well-known/oauth-protected-resource/other")

    assert metadata["issuer"] == site.issuer
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["none"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["client_id_metadata_document_supported"] is True
    assert resource["resource"] == f"{site.issuer}/api"
    assert resource["authorization_servers"] == [site.issuer]
    assert resource["bearer_methods_supported"] == ["header"]
    assert unknown.status_code == 404


# -- policies, pages, settings -----------------------------------------------------------------


async def test_a_policy_narrows_and_refuses(serve: Serve) -> None:
    def policy(user: Any, client: Any, scopes: frozenset[str]) -> frozenset[str]:
        if user == "eve@example.com":
            raise Forbidden("You may not connect applications")
        return scopes - {"messages:write"}

    class Policy:
        @hookimpl
        def actionhero_oauth_consent(self) -> list[Any]:
            return [policy]

    async with serve(Policy()) as site, site.browser() as browser, site.browser() as other:
        page = await site.consent_page(browser, scope="mcp messages:write")
        refused = redirected(await site.consent_page(other, user="eve@example.com", scope="mcp"))
        data = {**hidden_fields(page.text), "answer": "allow", "scope": ["mcp", "messages:write"]}
        code = redirected(await browser.post(page.url.path, data=data))["code"]
        tokens = await site.exchange(code)

    assert "Write messages" not in page.text
    assert tokens.values["scope"] == "mcp"
    assert refused["error"] == "access_denied"
    assert refused["error_description"] == "You may not connect applications"


async def test_a_policy_does_not_redirect_to_a_client_that_registered_itself(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """The user has clicked nothing; the page has a link. After a click, it redirects."""

    def policy(user: Any, client: Any, scopes: frozenset[str]) -> frozenset[str]:
        raise Forbidden("You may not connect applications")

    class Policy:
        @hookimpl
        def actionhero_oauth_consent(self) -> list[Any]:
            return [policy]

    async with serve(Policy()) as site, site.client() as client, site.browser() as browser:
        uri = "https://evil.example/"
        registered = await client.post("/oauth/register", json={"redirect_uris": [uri]})
        id = registered.json()["client_id"]
        page = await site.consent_page(browser, client_id=id, redirect_uri=uri, scope="mcp")
        again = await browser.get(page.url.path)

    assert page.status_code == 403
    assert "Location" not in page.headers
    assert "You may not connect applications." in page.text
    assert 'href="https://evil.example/?error=access_denied' in page.text
    assert again.status_code == 410
    [event] = [
        json.loads(record.getMessage())
        for record in caplog.records
        if record.name == "actionhero.audit" and '"oauth.consent"' in record.getMessage()
    ]
    assert (event["outcome"], event["user"]) == ("failure", "ada@example.com")


async def test_a_page_is_replaced(serve: Serve) -> None:
    class Own:
        @hookimpl
        def actionhero_oauth_pages(self) -> list[PageTemplate]:
            return [PageTemplate("error", "<h1>Oh dear: $message</h1>")]

    async with serve(Own()) as site, site.browser() as browser:
        response = await site.start(browser, client_id="unknown")

    assert "<h1>Oh dear: The client_id is unknown" in response.text


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"ISSUER": "ftp://x"}, "it must be a URL"),
        ({"ISSUER": "https://shop.example/"}, "must not end with a slash"),
        ({"ISSUER": "http://shop.example"}, "must begin with https://"),
        ({"ISSUER": "https://shop.example?x=1"}, "no query"),
        ({"DEFAULT_SCOPES": '["other"]'}, "unknown scope 'other'"),
        ({"SIGN_IN": "session:made"}, "oauth.sign_in is 'session:made', which is no action"),
        (
            {"CLIENTS": '[{"id": "a", "name": "A", "redirect_uris": ["http://a.example/"]}]'},
            "must begin with https://",
        ),
    ],
    ids=["scheme", "slash", "http", "query", "scope", "action", "redirect"],
)
async def test_a_wrong_setting_is_named(
    serve: Serve, environ: dict[str, str], problem: str
) -> None:
    variables = {f"ACTIONHERO_OAUTH__{name}": value for name, value in environ.items()}

    with pytest.raises(BootError) as caught:
        async with serve(**variables):
            pass

    assert problem in str(caught.value)


async def test_the_issuer_is_required_in_production(serve: Serve) -> None:
    with pytest.raises(BootError, match=r"oauth\.issuer is required in production"):
        async with serve(ACTIONHERO_ENV="production"):
            pass


async def test_no_token_or_code_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        code = await site.code()
        tokens = (await site.exchange(code)).values
        await site.whoami(tokens["access_token"])
        await site.refresh(tokens["refresh_token"])
        await site.exchange(code)

    # Not those of the client.
    records = [item for item in caplog.records if not item.name.startswith("http")]
    text = "\n".join(f"{record.getMessage()} {vars(record)}" for record in records)
    for secret in (code, tokens["access_token"], tokens["refresh_token"], VERIFIER):
        assert secret not in text


async def test_each_step_is_one_line_of_the_audit_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "actionhero.audit")
    async with site.client() as client:
        await client.post("/oauth/register", json={"redirect_uris": [REDIRECT_URI]})
    code = await site.code()
    first = (await site.exchange(code)).values
    second = (await site.refresh(first["refresh_token"])).values
    await site.refresh(second["refresh_token"])
    await site.refresh(first["refresh_token"])
    await site.exchange(code)
    async with site.browser() as browser:
        page = await site.consent_page(browser, scope="messages:write")
        await browser.post(page.url.path, data={**hidden_fields(page.text), "answer": "deny"})

    records = [record for record in caplog.records if record.name == "actionhero.audit"]
    events = [json.loads(record.getMessage()) for record in records]
    found = [(item["event"], item["outcome"]) for item in events if item["event"] != "sign_in"]
    assert found == [
        ("oauth.registration", "success"),
        ("oauth.consent", "success"),
        ("credential_creation", "success"),
        ("oauth.refresh", "success"),
        ("oauth.refresh", "success"),
        ("oauth.refresh", "failure"),
        ("oauth.code", "failure"),
        ("oauth.consent", "failure"),
    ]
    created = next(item for item in events if item["event"] == "credential_creation")
    assert created["user"] == "ada@example.com"
    assert created["credential_id"] == first["access_token"].removeprefix("aha_").split(".")[0]
    assert created["details"]["scopes"] == ["mcp"]


# -- strangers ---------------------------------------------------------------------------------


async def test_a_client_that_registered_itself_is_no_open_redirect(site: Site) -> None:
    async with site.client() as client, site.browser() as browser:
        uris = ["https://evil.example/", "http://127.0.0.1/callback"]
        registered = await client.post("/oauth/register", json={"redirect_uris": uris})
        id = registered.json()["client_id"]
        remote, local = [
            await site.start(browser, client_id=id, redirect_uri=uri, scope="unknown")
            for uri in uris
        ]

    assert remote.status_code == 400
    assert "Location" not in remote.headers
    assert "Return to evil.example" in remote.text
    assert local.status_code == 303


async def test_requests_for_authorization_are_limited_by_address(serve: Serve) -> None:
    async with serve(ACTIONHERO_OAUTH__REQUESTS_PER_MINUTE="2") as site, site.browser() as browser:
        responses = [await site.start(browser) for _ in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 429]
    assert int(responses[2].headers["Retry-After"]) > 0


async def test_the_name_of_a_client_is_shown_without_hidden_characters(site: Site) -> None:
    name = "Sh\u202eop\x1b[31m\u200b\n  of\ud800 \u3164\u2800Ada"
    body = json.dumps({"client_name": name, "redirect_uris": [REDIRECT_URI]}).encode()
    async with site.client() as client:
        response = await client.post("/oauth/register", content=body)
        if response.status_code == 400:  # The decoder refuses the surrogate.
            body = body.replace(b"\\ud800", b"")
            response = await client.post("/oauth/register", content=body)

    assert response.json()["client_name"] == "Shop[31m of Ada"


def _port(site: Site) -> int:
    return next(item for item in site.app.app.servers if isinstance(item, WebServer)).port


async def test_the_path_after_an_own_sign_in_page_is_one_parameter(serve: Serve) -> None:
    issuer = "https://shop.example/a&b"
    async with (
        serve(
            ACTIONHERO_OAUTH__SIGN_IN_URL="/login?from=oauth", ACTIONHERO_OAUTH__ISSUER=issuer
        ) as site,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{_port(site)}") as browser,
    ):
        path = hop(await site.start(browser)).removeprefix("/a&b")
        response = await browser.get(path)

    location = urlsplit(response.headers["Location"])
    assert location.path == "/login"
    assert parse_qs(location.query) == {"from": ["oauth"], "next": [f"/a&b{path}"]}


# -- races -------------------------------------------------------------------------------------


async def test_a_sign_out_everywhere_ends_a_code_that_is_not_exchanged(site: Site) -> None:
    code = await site.code()

    await site.app.app.get(AuthorizationServer).end_all("ada@example.com")

    assert (await site.exchange(code)).values["error"] == "invalid_grant"


async def test_a_sign_out_everywhere_ends_more_grants_than_one_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "_PAGE", 2)
    tokens = [await site.tokens() for _ in range(5)]

    assert await site.app.app.get(AuthorizationServer).end_all("ada@example.com") == 5

    for item in tokens:
        assert (await site.refresh(item["refresh_token"])).status == 400


async def test_a_second_use_of_a_code_ends_the_first_that_is_not_finished(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await site.code()
    server = site.app.app.get(AuthorizationServer)
    create = server.grants.create
    second = []

    async def delayed(*args: Any, **kwargs: Any) -> Any:
        second.append(await site.exchange(code))
        return await create(*args, **kwargs)

    monkeypatch.setattr(server.grants, "create", delayed)
    first = await site.exchange(code)

    assert (first.status, second[0].status) == (200, 400)
    assert (await site.whoami(first.values["access_token"])).status_code == 401
    assert (await site.refresh(first.values["refresh_token"])).status == 400


async def test_a_token_that_is_revoked_while_it_is_verified_is_not_cached(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = site.app.app.get(AuthorizationServer)
    authenticator = authenticator_for(site.app.app)
    tokens = await site.tokens()
    grant_of = server.grant_of

    async def delayed(token: str) -> Any:
        found = await grant_of(token)
        assert found
        revocations = authenticator._revocations
        await server.end(found[0].id)
        async with asyncio.timeout(10):
            while authenticator._revocations == revocations:  # noqa: ASYNC110 - a counter
                await asyncio.sleep(0)
        return found

    monkeypatch.setattr(server, "grant_of", delayed)
    await site.whoami(tokens["access_token"])
    monkeypatch.undo()

    assert (await site.whoami(tokens["access_token"])).status_code == 401
