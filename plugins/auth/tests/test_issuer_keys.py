"""The keys of issuers: their fetching, rotation, limits, and outages."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from plugins.auth.tests.conftest import caller, club, issuer_settings, issuers
from pydantic import SecretStr

from actionhero import ServiceUnavailable, SignInRequired
from actionhero_auth.doctor_checks import diagnose
from actionhero_auth.settings import IssuerSettings
from actionhero_auth.tokens.issuer_keys import IssuerKeys
from actionhero_auth.tokens.key_client import MAX_BYTES, FetchError, KeyClient

if TYPE_CHECKING:
    from plugins.auth.tests.conftest import Clock, Issuer


async def who(app: Any, token: str) -> Any:
    """Return the user of a token."""
    return (await caller(app, token).call("who"))["user"]


async def test_keys_are_fetched_once(issuer: Issuer) -> None:
    """For all callers at the same time, by discovery or from a URL."""
    for settings in ({}, {"jwks_url": f"{issuer.url}/jwks"}):
        issuer.requests = 0
        async with club(None, **issuers(issuer_settings(issuer, **settings))) as app:
            tokens = [issuer.token(sub=f"user {n}") for n in range(20)]
            users = await asyncio.gather(*(who(app, token) for token in tokens))
        assert users == [f"user {n}" for n in range(20)]
        assert issuer.requests == 1


async def test_a_caller_that_leaves_does_not_cancel_the_fetch(issuer: Issuer) -> None:
    """The others wait for the same request."""
    entered, release = asyncio.Event(), asyncio.Event()
    handle = issuer.handle_keys

    async def slowly(request: web.Request) -> web.StreamResponse:
        entered.set()
        await release.wait()
        return await handle(request)

    application = web.Application()
    application.router.add_get("/slow", slowly)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slow"
    async with club(None, **issuers(issuer_settings(issuer, jwks_url=url))) as app:
        first = asyncio.create_task(who(app, issuer.token(sub="first")))
        await entered.wait()
        second = asyncio.create_task(who(app, issuer.token(sub="second")))
        await asyncio.sleep(0)
        first.cancel()
        release.set()
        assert await second == "second"
        assert issuer.requests == 1
    await runner.cleanup()


async def test_a_new_key_is_fetched_at_its_first_token(issuer: Issuer, clock: Clock) -> None:
    """At most once in the interval; the tokens of a withdrawn key are refused then."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        old = issuer.token()
        assert await who(app, old) == "ada"
        issuer.rotate()
        new = issuer.token()

        with pytest.raises(SignInRequired):
            await who(app, new)
        assert issuer.requests == 1
        clock.advance(30)
        assert await who(app, new) == "ada"
        assert issuer.requests == 2
        # It was in the cache.
        with pytest.raises(SignInRequired):
            await who(app, old)


async def test_forged_tokens_cause_few_requests(issuer: Issuer, clock: Clock) -> None:
    """For any number of key identifiers."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        for number in range(50):
            with pytest.raises(SignInRequired):
                await who(app, issuer.token({"kid": f"unknown {number}"}))
        assert issuer.requests == 1
        clock.advance(30)
        for number in range(50):
            with pytest.raises(SignInRequired):
                await who(app, issuer.token({"kid": f"unknown {number}"}))
        assert issuer.requests == 2


async def test_keys_are_fetched_again_in_time(issuer: Issuer, clock: Clock) -> None:
    """In the background: no call waits."""
    async with club(None, **issuers(issuer_settings(issuer, refresh_interval="60s"))) as app:
        assert await who(app, issuer.token(sub="a")) == "a"
        clock.advance(61)
        assert await who(app, issuer.token(sub="b")) == "b"
        while issuer.requests < 2:  # noqa: ASYNC110 - the request is in the background
            await asyncio.sleep(0.01)


async def test_an_outage_of_the_issuer_is_no_fault_of_the_client(
    issuer: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Known keys are used for a day; without them the status is 503, not 401."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        issuer.response = web.Response(status=502)
        for _ in range(3):
            with pytest.raises(ServiceUnavailable) as raised:
                await who(app, issuer.token())
            assert raised.value.retry_after_seconds == 5
        # The next attempt is later.
        assert issuer.requests == 1
        assert "has responded with status 502" in caplog.text

        issuer.response = None
        clock.advance(5)
        assert await who(app, issuer.token()) == "ada"

        issuer.response = web.Response(status=500)
        clock.advance(3601)
        assert await who(app, issuer.token()) == "ada"
        other = issuer.token({"kid": "new"})
        clock.advance(30)
        with pytest.raises(ServiceUnavailable):
            await who(app, other)
        clock.advance(24 * 3600)
        with pytest.raises(ServiceUnavailable):
            await who(app, issuer.token())


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: web.Response(status=404), "has responded with status 404"),
        (lambda: web.Response(status=302, headers={"Location": "/jwks"}), "with status 302"),
        (lambda: web.Response(text="<html>"), "is not JSON"),
        (lambda: web.Response(text="[" * 100_000), "is not JSON"),
        (lambda: web.Response(text="[]"), "is not a JSON object"),
        (lambda: web.Response(text="{}"), "it has no list 'keys'"),
        (lambda: web.Response(text='{"keys": 7}'), "it has no list 'keys'"),
        (lambda: web.Response(text='{"keys": [7, {}]}'), "has no key for the algorithms"),
        (lambda: web.Response(body=b" " * (MAX_BYTES + 1)), f"is larger than {MAX_BYTES} bytes"),
    ],
    ids=["404", "redirect", "html", "deep", "list", "empty", "number", "no keys", "large"],
)
async def test_an_unusable_document_is_an_outage(
    issuer: Issuer, response: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator reads the reason in the log; the client does not."""
    issuer.response = response()
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        with pytest.raises(ServiceUnavailable, match="The token cannot be checked now"):
            await who(app, issuer.token())
    assert reason in caplog.text
    assert issuer.token() not in caplog.text


async def test_a_slow_or_unreachable_issuer_has_a_time_limit(
    unused_tcp_port: int, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """It neither accepts nor responds."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    settings = issuer_settings(issuer, jwks_url=url, timeout="200ms")
    async with club(None, **issuers(settings)) as app:
        with pytest.raises(ServiceUnavailable):
            await who(app, issuer.token())
    assert "has not responded within 0.2 s" in caplog.text
    silent.close()
    settings = issuer_settings(issuer, jwks_url=f"http://127.0.0.1:{unused_tcp_port}")
    async with club(None, **issuers(settings)) as app:
        with pytest.raises(ServiceUnavailable):
            await who(app, issuer.token())
    assert "cannot be fetched" in caplog.text


async def test_a_fetch_ends_with_the_application(issuer: Issuer) -> None:
    """Its callers are not cancelled, and there is no other one."""
    entered = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        entered.set()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    settings = IssuerSettings(issuer=issuer.url, audience=["club"], jwks_url=url)
    client = KeyClient()
    keys = IssuerKeys(settings, client, on_change=lambda: None)
    call = asyncio.create_task(keys.find("kid", "ES256"))
    await entered.wait()

    await client.aclose()

    with pytest.raises(ServiceUnavailable):
        await call
    assert keys._fetching is not None
    assert keys._fetching.cancelled()
    with pytest.raises(FetchError, match="is not fetched during the shutdown"):
        await client.fetch(url, 5)
    silent.close()


async def test_metadata_of_another_issuer_is_not_used(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor a URL of keys without TLS."""
    documents = iter(
        [
            {"issuer": "https://other.example", "jwks_uri": f"{issuer.url}/jwks"},
            {"issuer": issuer.url, "jwks_uri": "http://keys.example/jwks"},
            {"issuer": issuer.url},
        ]
    )

    async def fetch(self: KeyClient, url: str, timeout_seconds: float) -> Any:
        return next(documents)

    monkeypatch.setattr(KeyClient, "fetch", fetch)
    for reason in ("is of another issuer", "has no jwks_uri", "has no jwks_uri"):
        async with club(None, **issuers(issuer_settings(issuer))) as app:
            with pytest.raises(ServiceUnavailable):
                await who(app, issuer.token())
        assert reason in caplog.text
        caplog.clear()


async def test_keys_for_other_purposes_are_left_out(issuer: Issuer) -> None:
    """For encryption, for other algorithms, shared secrets, and faulty ones."""
    good = issuer.published[0]
    others: list[Any] = [
        {**good, "kid": "enc", "use": "enc"},
        {**good, "kid": "alg", "alg": "ES384"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "bad"},
        {"kty": "PQC", "kid": "new"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"},
        *({**good, name: [value], "kid": name} for name, value in good.items() if name != "kid"),
        {**good, "kid": ["list"]},
        {**good, "use": ["sig"], "kid": "use"},
        {**good, "key_ops": ["sign"], "kid": "key_ops"},
        None,
        "text",
    ]
    issuer.published = [*others, issuer.key.as_dict(private=True)]
    settings = IssuerSettings(issuer=issuer.url, audience=["club"])
    client = KeyClient()
    keys = IssuerKeys(settings, client, on_change=lambda: None)
    assert [key.kid for key in await keys.find(issuer.key.kid, "ES256")] == [issuer.key.kid]
    [key] = await keys.find(issuer.key.kid, "ES256")
    assert not key.is_private
    for kid in ("enc", "alg", "oct", "bad", "new", "weak", "kty", "crv", "x", "y", "use"):
        assert await keys.find(kid, "ES256") == []
    assert await keys.find(issuer.key.kid, "RS256") == []
    await client.aclose()


async def test_doctor_checks_the_keys_of_issuers(issuer: Issuer) -> None:
    """Over the network only for a deployment."""

    async def results(app: Any, *, deploy: bool = True) -> list[str]:
        found = await asyncio.to_thread(diagnose, app.app, deploy=deploy)
        return [f"{item.finding}: {item.message}" for item in found]

    async with club(None, **issuers(issuer_settings(issuer))) as app:
        assert await results(app, deploy=False) == []
        assert await results(app) == [f"ok: the issuer {issuer.url} has 1 keys"]
        issuer.response = web.Response(status=500)
        [failed] = await results(app)
        assert failed.startswith(f"failed: the keys of the issuer {issuer.url}:")


def test_settings_show_no_key() -> None:
    """Neither in a representation, nor as JSON."""
    secret = "shared secret with 32 characters"
    settings = IssuerSettings(
        issuer="https://a.example",
        audience=["a"],
        key=SecretStr(secret),
        algorithms=["HS256"],
    )
    assert secret not in repr(settings)
    assert secret not in json.dumps(settings.model_dump(mode="json"))
