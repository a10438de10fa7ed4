"""Redirect URIs, registrations, and clients with a metadata document."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from plugins.oauth.tests.conftest import REDIRECT_URI, hop

from actionhero_oauth import client_documents
from actionhero_oauth.client_documents import LIMIT_BYTES, ClientDocuments
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.public_addresses import is_global
from actionhero_oauth.redirects import is_registered, redirect_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp.abc import AbstractResolver
    from plugins.oauth.tests.conftest import Serve, Site

ACCEPTED = (
    "https://client.example/callback",
    "https://client.example:8443/callback?x=1",
    "http://127.0.0.1:33418/",
    "http://localhost/callback",
    "http://[::1]:7777/cb",
    "com.example.app:/callback",
    "cursor://anysphere.cursor-retrieval/oauth/callback",
    "vscode://vscode.github-authentication/did-authenticate",
)
REFUSED = (
    "",
    "/callback",
    "http://client.example/callback",
    "http://127.0.0.1.example/callback",
    "http://localhost.example/",
    "https://user@client.example/",
    "https://user:pass@client.example/",
    "https://client.example/#fragment",
    "https://client.example/#",
    "https:///callback",
    "https://client.example:port/",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:https://client.example/x",
    "about:blank",
    "myapp://callback",
    "https://client.example/ space",
    "https://client.example/\r\nSet-Cookie: a=b",
    "https://client.example/\u202e",
    "https://client.example\\@evil.example/",
    'https://client.example/"onload=',
    "https://client.example/" + "a" * 3000,
    "https://client.example;sandbox/",
    "https://*/",
    "https://client.example,x/",
)


@pytest.mark.parametrize("uri", ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_redirect_uri_is_accepted(uri: str) -> None:
    assert redirect_problem(uri) == ""


@pytest.mark.parametrize("uri", REFUSED, ids=range(len(REFUSED)))
def test_a_redirect_uri_is_refused_with_the_reason(uri: str) -> None:
    assert redirect_problem(uri)


def test_only_the_port_of_a_loopback_address_may_differ() -> None:
    registered = ["http://127.0.0.1:1000/cb", "https://client.example:8443/cb"]

    assert is_registered("http://127.0.0.1:2000/cb", registered)
    assert is_registered("http://127.0.0.1/cb", registered)
    assert not is_registered("http://localhost:1000/cb", registered)
    assert not is_registered("http://127.0.0.1:1000/cb/", registered)
    assert not is_registered("http://127.0.0.1:1000/cb?x=1", registered)
    assert not is_registered("http://127.0.0.1:1000/cb?", registered)
    assert not is_registered("http://127.0.0.1:1000/cb#", registered)
    assert not is_registered("http://127.0.0.1:2000/x#", registered)
    assert not is_registered("http://user@127.0.0.1:2000/cb", registered)
    assert not is_registered("https://client.example:8444/cb", registered)
    assert not is_registered("https://client.example/cb", registered)


@given(st.text(max_size=40), st.sampled_from(ACCEPTED))
def test_a_longer_redirect_uri_is_never_a_registered_one(extra: str, uri: str) -> None:
    assert is_registered(uri + extra, [uri]) is (extra == "")


# -- registration ------------------------------------------------------------------------------


async def _register(site: Site, **metadata: Any) -> tuple[int, dict[str, Any]]:
    async with site.client() as client:
        response = await client.post("/oauth/register", json=metadata)
    return response.status_code, response.json()


async def test_a_client_registers_and_is_used(site: Site) -> None:
    status, client = await _register(
        site,
        client_name="Agent",
        redirect_uris=[REDIRECT_URI, "javascript:alert(1)"],
        logo_uri="https://client.example/logo.png",
        scope=None,
    )

    assert status == 201
    assert client["redirect_uris"] == [REDIRECT_URI]
    assert client["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in client
    assert not [name for name, value in client.items() if value is None]
    async with site.browser() as browser:
        page = await site.consent_page(browser, client_id=client["client_id"])
        assert "nothing confirms its name" in page.text
        code = (await site.allow(browser, page))["code"]
        tokens = await site.exchange(code, client_id=client["client_id"])
        assert tokens.status == 200
        # It may be another program with the same name.
        again = await browser.get(hop(await site.start(browser, client_id=client["client_id"])))
    assert "Allow <b>Agent</b>" in again.text


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://client.example/"}, "invalid_redirect_uri"),
        ({"redirect_uris": [7]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        (
            {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "private_key_jwt"},
            "invalid_client_metadata",
        ),
        ({"redirect_uris": [REDIRECT_URI], "client_name": 7}, "invalid_client_metadata"),
    ],
    ids=["nothing", "none", "a-text", "a-number", "a-script", "a-method", "a-name"],
)
async def test_a_registration_is_refused(site: Site, metadata: dict[str, Any], error: str) -> None:
    status, document = await _register(site, **metadata)

    assert (status, document["error"]) == (400, error)


async def test_a_body_that_is_no_object_is_refused(site: Site) -> None:
    async with site.client() as client:
        for body in (b"", b"[]", b"{", b"\xff"):
            response = await client.post("/oauth/register", content=body)
            assert response.status_code == 400, body
            assert response.json()["error"] == "invalid_client_metadata"


async def test_registrations_are_limited_by_address(site: Site) -> None:
    statuses = [(await _register(site, redirect_uris=[REDIRECT_URI]))[0] for _ in range(6)]

    assert statuses == [201] * 5 + [429]


async def test_registration_can_be_disabled(serve: Serve) -> None:
    async with serve(ACTIONHERO_OAUTH__REGISTRATION="false") as site, site.client() as client:
        response = await client.post("/oauth/register", json={})
        metadata = await client.get("/.well-known/oauth-authorization-server")

    assert response.status_code == 404
    assert "registration_endpoint" not in metadata.json()


# -- metadata documents ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "172.16.0.1", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"),
    ],
)
def test_an_address_is_not_public(address: str) -> None:
    assert not is_global(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_is_public(address: str) -> None:
    assert is_global(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example/client.json",
        "https://client.example",
        "https://client.example/",
        "https://client.example:8443/client.json",
        "https://user@client.example/client.json",
        "https://client.example/client.json#x",
        "https://client.example/a/../client.json",
        "https://client.example/a/%2e%2E/client.json",
        "https://client.example/%2e/client.json",
        "https://client.example/client.json\n",
        "https://cli\tent.example/client.json",
        "https://client.example\\.example/client.json",
        "https://client.example/a client.json",
        "https://client.example/\x00client.json",
        "https://cl\u0456ent.example/client.json",
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://2130706433/client.json",
        "https://0x7f.1/client.json",
        "https://0x7f000001/client.json",
        "https://169.254.169.254./client.json",
        "https://[::ffff:10.0.0.1]/client.json",
        "https://client.example:port/client.json",
    ],
)
async def test_the_url_of_a_document_is_refused(url: str) -> None:
    with pytest.raises(OAuthError) as caught:
        await ClientDocuments().find(url)

    assert caught.value.code == "invalid_client"


@pytest.mark.parametrize("host", ["localhost", "a" * 64 + ".example", "a..example"])
async def test_a_name_of_this_machine_is_not_connected_to(host: str) -> None:
    with pytest.raises(OAuthError, match="cannot be fetched"):
        await ClientDocuments().find(f"https://{host}/client.json")


class DocumentSite:
    """A server of metadata documents with a certificate of a private authority."""

    def __init__(self, url: str, documents: ClientDocuments) -> None:
        self.url = url
        self.documents = documents
        self.requests = 0
        self.respond: Callable[[web.Request], web.StreamResponse] = lambda _: web.Response()


@asynccontextmanager
async def _document_site() -> AsyncIterator[DocumentSite]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    found: list[DocumentSite] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        found[0].requests += 1
        return found[0].respond(request)

    application = web.Application()
    application.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]

    class Redirecting(aiohttp.TCPConnector):
        """Connects to the server of the test in place of port 443."""

        async def _resolve_host(self, host: str, port_: int, traces: Any = None) -> Any:
            resolved = await super()._resolve_host(host, port_, traces)
            return [{**item, "port": port} for item in resolved]

    def session(resolver: AbstractResolver) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=Redirecting(resolver=resolver, ssl=trusted, family=socket.AF_INET)
        )

    documents = ClientDocuments(is_allowed=lambda _: True, session=session)
    found.append(DocumentSite("https://localhost/client.json", documents))
    try:
        yield found[0]
    finally:
        await runner.cleanup()


def _json(document: Any, **options: Any) -> Callable[[web.Request], web.StreamResponse]:
    return lambda _: web.Response(
        text=document if isinstance(document, str) else json.dumps(document), **options
    )


async def test_a_document_is_fetched_once_while_it_is_cached() -> None:
    async with _document_site() as site:
        document = {"client_id": site.url, "client_name": "Agent", "redirect_uris": [REDIRECT_URI]}
        site.respond = _json(document)

        clients = [await site.documents.find(site.url) for _ in range(3)]

    assert {client.name for client in clients} == {"Agent"}
    assert clients[0].host == "localhost"
    assert site.requests == 1


@pytest.mark.parametrize(
    ("respond", "problem"),
    [
        (_json("{", status=200), "is not JSON"),
        (_json([]), "another client_id"),
        (_json({"client_id": "https://other.example/x"}), "another client_id"),
        (_json({"client_id": "https://localhost/client.json"}), "no redirect_uris"),
        (
            _json(
                {
                    "client_id": "https://localhost/client.json",
                    "redirect_uris": ["http://x.example/"],
                }
            ),
            "no acceptable redirect_uri",
        ),
        (
            _json(
                {
                    "client_id": "https://localhost/client.json",
                    "redirect_uris": [REDIRECT_URI],
                    "client_secret": "x",
                }
            ),
            "a client with a secret",
        ),
        (_json("{}", status=404), "status 404"),
        (lambda _: web.Response(status=302, headers={"Location": "/other"}), "status 302"),
        (_json("a" * (LIMIT_BYTES + 1)), "is larger than"),
    ],
    ids=["json", "list", "other", "uris", "uri", "secret", "missing", "redirect", "large"],
)
async def test_a_document_is_refused(respond: Any, problem: str) -> None:
    async with _document_site() as site:
        site.respond = respond

        for _ in range(2):
            with pytest.raises(OAuthError, match=problem):
                await site.documents.find(site.url)

    # A failure is cached too.
    assert site.requests == 1


async def test_a_body_without_an_end_is_not_read() -> None:
    written = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal written
        for _ in range(1024):
            written += 1
            yield bytes(1024 * 1024)

    async with _document_site() as site:
        site.respond = lambda _: web.Response(body=endless())

        with pytest.raises(OAuthError, match="is larger than"):
            await site.documents.find(site.url)

    assert written < 100


async def test_a_compressed_document_is_not_expanded() -> None:
    async with _document_site() as site:
        body = gzip.compress(bytes(8 * 1024 * 1024))
        site.respond = lambda _: web.Response(body=body, headers={"Content-Encoding": "gzip"})

        with pytest.raises(OAuthError, match="is not JSON"):
            await site.documents.find(site.url)


async def test_a_document_is_fetched_once_for_concurrent_callers() -> None:
    async with _document_site() as site:
        site.respond = _json({"client_id": site.url, "redirect_uris": [REDIRECT_URI]})

        await asyncio.gather(*(site.documents.find(site.url) for _ in range(5)))

    assert site.requests == 1


async def test_only_some_documents_are_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_documents, "MAX_FETCHES", 2)
    async with _document_site() as site:
        site.respond = _json("{}")
        results = await asyncio.gather(
            *(site.documents.find(f"{site.url}?{number}") for number in range(4)),
            return_exceptions=True,
        )

    codes = [getattr(result, "code", "") for result in results]
    assert codes == ["invalid_client"] * 2 + ["temporarily_unavailable"] * 2


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1", "169.254.169.254"], ["93.184.216.34,127.0.0.1"], ["::ffff:10.0.0.1"]],
    ids=["changes", "several", "mapped"],
)
async def test_the_resolved_address_is_the_one_that_is_connected_to(
    answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = iter(answers)
    connected: list[str] = []

    async def resolve(self: Any, host: str, port: int = 0, family: int = 0) -> Any:
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET,
             "proto": 0, "flags": 0}
            for address in next(resolved).split(",")
        ]  # fmt: skip

    async def connect(*args: Any, addr_infos: Any, **options: Any) -> Any:
        connected.extend(info[4][0] for info in addr_infos)
        raise OSError

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    monkeypatch.setattr("aiohappyeyeballs.start_connection", connect)
    # The first address stands for a public one.
    is_changing = len(answers) > 1
    documents = ClientDocuments(
        is_allowed=(lambda address: address == "127.0.0.1") if is_changing else None
    )

    with pytest.raises(OAuthError, match="cannot be fetched"):
        await documents.find("https://rebinding.example/client.json")

    assert set(connected) == ({"127.0.0.1"} if is_changing else set())
