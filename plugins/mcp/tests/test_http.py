"""Streamable HTTP: the checks of a request, in their order, and both eras of the protocol."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from plugins.mcp.tests.conftest import ACTIONS, META, MODERN, AddInputs, TokensPlugin, meta, request

from actionhero import Action, PluginError
from actionhero_mcp import Tool

if TYPE_CHECKING:
    from plugins.mcp.tests.conftest import Serve, Site

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}}
PING = request("ping", {})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, (400, 403)),
        ({"Origin": "https://evil.example"}, (403,)),
        ({"Origin": "null"}, (403,)),
        ({"Origin": "http://localhost:3000"}, (200,)),
        ({"Content-Type": "text/plain"}, (415,)),
        ({"Content-Type": "application/json; charset=latin-1"}, (415,)),
        ({"Accept": "text/html"}, (406,)),
        ({"Accept": "application/json"}, (406,)),
        ({"Accept": "*/*"}, (200,)),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value)[:40],
)
async def test_headers_are_checked(
    site: Site, headers: dict[str, str], status: tuple[int, ...]
) -> None:
    """Before anything of the body is read."""
    reply = await site.post(PING, **headers)

    assert reply.status in status


async def test_methods(site: Site) -> None:
    """Sessions are not kept, so there is nothing to end, and no stream without a session."""
    statuses = {}
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        async with site.client.request(method, site.url) as response:
            statuses[method] = response.status
            if response.status == 405:
                assert response.headers["Allow"] == "POST, OPTIONS"

    assert statuses == {"GET": 405, "PUT": 405, "DELETE": 405, "OPTIONS": 204}


async def test_pages_of_allowed_origins_may_read_responses(serve: Serve) -> None:
    async with serve(ACTIONHERO_MCP__ALLOWED_ORIGINS="https://app.example.com") as site:
        reply = await site.post(PING, Origin="https://app.example.com")
        other = await site.post(PING, Origin="https://other.example.com")

    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Mcp-Session-Id" in reply.headers["Access-Control-Expose-Headers"]
    assert other.status == 403
    assert "Access-Control-Allow-Origin" not in other.headers


class Regional(Action):
    """Return nothing."""

    name = "regional"
    mcp = Tool(header={"other": "Region"})

    async def run(self, inputs: AddInputs) -> None:
        """Do nothing."""


async def test_a_preflight_allows_the_headers_that_repeat_arguments(serve: Serve) -> None:
    origin = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    async with (
        serve(Regional) as site,
        site.client.options(site.url, headers=origin) as response,
    ):
        allowed = response.headers["Access-Control-Allow-Headers"].split(", ")

    assert response.status == 204
    assert {"Mcp-Name", "mcp-param-region"} <= set(allowed)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}\x00', -32700),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', -32700),
        (b"\xff\xfe", -32700),
        (b'{"a":' * 100 + b"1" + b"}" * 100, -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'{"id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1e400,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % (b"9" * 5000), -32600),
        # A response could not repeat it.
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":1}}', -32602),
    ],
    ids=lambda value: str(value)[:48],
)
async def test_malformed_messages(site: Site, body: bytes, code: int) -> None:
    reply = await site.post(body)

    assert reply.status == 400
    assert reply.body["error"]["code"] == code


COMPRESSED = gzip.compress(json.dumps(PING).encode())


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{}", {"Content_Encoding": "gzip"}, 400, -32700),
        (COMPRESSED[:-1], {"Content_Encoding": "gzip"}, 400, -32700),
        (COMPRESSED + b"{}", {"Content_Encoding": "gzip"}, 400, -32700),
        (COMPRESSED, {"Content_Encoding": "br"}, 415, -32600),
        (COMPRESSED, {"Content_Encoding": "gzip, gzip"}, 415, -32600),
        (b"{}", {"Content_Type": "application/json; charset=utf-16"}, 415, -32600),
        (b" " * (5 * 2**20), {}, 413, -32600),
        (gzip.compress(b" " * (50 * 2**20)), {"Content_Encoding": "gzip"}, 413, -32600),
    ],
    ids=["no-gzip", "truncated", "trailing", "coding", "codings", "charset", "large", "bomb"],
)
async def test_unreadable_bodies_are_errors_of_the_protocol(
    site: Site, body: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    reply = await site.post(body, **headers)

    assert reply.status == status
    assert reply.body["id"] is None
    assert reply.body["error"]["code"] == code
    if "br" in headers.values():
        assert reply.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("path", ["", "/"])
async def test_the_limit_of_bodies_is_that_of_the_setting(serve: Serve, path: str) -> None:
    """It is larger than that of the bodies of other requests; in any spelling of the path."""
    call = {"name": "summary", "arguments": {"day": "x" * 2**21}}
    message = request("prompts/get", {"_meta": meta(), **call})
    headers = {"MCP_Protocol_Version": MODERN, "Mcp_Method": "prompts/get", "Mcp_Name": "summary"}
    async with serve(ACTIONHERO_MCP__RESULT_LIMIT_BYTES="9000000") as site:
        site.url += path
        accepted = await site.post(message, **headers)
    async with serve(ACTIONHERO_MCP__BODY_LIMIT_BYTES="1024") as site:
        site.url += path
        refused = await site.post(b" " * 1025)

    assert len(accepted.body["result"]["messages"][0]["content"]["text"]) > 2**21
    assert refused.status == 413


async def test_requests_of_one_caller_are_limited(serve: Serve) -> None:
    async with serve(*ACTIONS, TokensPlugin(), ACTIONHERO_MCP__CALLS_PER_MINUTE="2") as site:
        replies = [await site.post(PING, Authorization="Bearer 7-a") for _ in range(3)]
        other = await site.post(PING, Authorization="Bearer 8-a")

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert int(replies[2].headers["Retry-After"]) > 0
    assert other.status == 200


async def test_limits_count_callers_and_no_values_of_the_header(serve: Serve) -> None:
    """Another token of the same grant has no allowance of its own, and an invalid one has none."""
    limits = {
        "ACTIONHERO_MCP__CALLS_PER_MINUTE": "3",
        "ACTIONHERO_MCP__ANONYMOUS_CALLS_PER_MINUTE": "2",
        "ACTIONHERO_WEB__TRUSTED_PROXIES": '["127.0.0.1"]',
    }
    outside = {"X_Forwarded_For": "203.0.113.9"}
    async with serve(*ACTIONS, TokensPlugin(), **limits) as site:
        granted = [
            await site.post(PING, Authorization=f"Bearer 7-{scope}", **outside) for scope in "abcd"
        ]
        invalid = [await site.post(PING, Authorization=f"Bearer x{n}", **outside) for n in range(3)]
        anonymous = await site.post(PING, **outside)
        other = await site.post(PING, Authorization="Bearer 8-a", **outside)

    assert [reply.status for reply in granted] == [200, 200, 200, 429]
    assert [reply.status for reply in invalid] == [401, 401, 429]
    assert anonymous.status == 429
    assert other.status == 200


async def test_required_credentials(serve: Serve) -> None:
    """They are checked before the body is read; the challenge describes them."""
    async with serve(*ACTIONS, TokensPlugin(), ACTIONHERO_MCP__AUTH="required") as site:
        anonymous = await site.post(b"no message")
        valid = await site.post(PING, Authorization="Bearer 7-a")
        async with site.client.post(f"{site.url}?access_token=7-a", json=PING) as response:
            in_query = response.status

    assert anonymous.status == 401
    assert anonymous.headers["WWW-Authenticate"] == (
        'Bearer resource_metadata="https://example.com/metadata"'
    )
    assert valid.status == 200
    assert in_query == 400


async def test_credentials_cannot_be_required_without_an_authenticator(serve: Serve) -> None:
    with pytest.raises(PluginError, match=r"mcp\.auth is required, but no plugin reads"):
        async with serve(ACTIONHERO_MCP__AUTH="required"):
            pass


async def test_the_id_of_a_request_is_that_of_its_error(site: Site) -> None:
    """As in the log."""
    params = {"name": "note-view", "arguments": {"note": 0}}
    reply = await site.new("tools/call", params)

    document = json.loads(reply.body["result"]["content"][0]["text"])
    assert document["error"]["request_id"] == reply.headers["X-Request-Id"]


# -- the revision without a handshake -----------------------------------------------------------


async def test_discovery(site: Site) -> None:
    reply = await site.new("server/discover")

    result = reply.body["result"]
    assert result["supportedVersions"][:2] == [MODERN, "2025-11-25"]
    assert result["resultType"] == "complete"
    assert result["cacheScope"] == "public"
    assert result["_meta"][META + "serverInfo"]["name"]


@pytest.mark.parametrize(
    ("change", "headers", "code"),
    [
        ({META + "protocolVersion": "1999"}, {"MCP_Protocol_Version": "1999"}, -32022),
        ({META + "protocolVersion": "1999"}, {}, -32020),
        ({META + "protocolVersion": None}, {}, -32602),
        ({META + "clientCapabilities": None}, {}, -32602),
        ({META + "logLevel": "loud"}, {}, -32602),
        ({}, {"Mcp_Method": "tools/list"}, -32020),
        ({}, {"Mcp_Name": "other"}, -32020),
        ({}, {"Mcp_Name": "=?base64?bnVtYmVycy1hZGQ=?="}, 0),
        ({}, {"Mcp_Name": "=?base64?bnVtYmVycy1hZGR=?="}, -32020),
        ({}, {"Mcp_Name": "=?base64?%%?="}, -32020),
    ],
    ids=lambda value: str(value)[-44:],
)
async def test_metadata_and_headers_have_to_agree(
    site: Site, change: dict[str, Any], headers: dict[str, str], code: int
) -> None:
    params = {
        "name": "numbers-add",
        "arguments": {"number": 1},
        "_meta": {key: value for key, value in {**meta(), **change}.items() if value is not None},
    }
    reply = await site.new("tools/call", params, **headers)

    assert reply.body.get("error", {}).get("code", 0) == code
    assert reply.status == (400 if code else 200)
    assert reply.body["id"] == 1
    if code == -32022:
        assert reply.body["error"]["data"]["requested"] == "1999"


async def test_a_name_that_is_no_text_is_an_error(site: Site) -> None:
    reply = await site.new("tools/call", {"name": [], "arguments": {}}, Mcp_Name="x")
    assert (reply.status, reply.body["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize("method", ["initialize", "ping", "resources/subscribe", "nothing"])
async def test_methods_that_the_revision_does_not_have(site: Site, method: str) -> None:
    reply = await site.new(method)

    assert reply.status == 404
    assert reply.body["error"]["code"] == -32601


async def test_notifications_are_accepted(site: Site) -> None:
    message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await site.post(message)).status == 202


async def test_an_unknown_cursor_is_an_error(site: Site) -> None:
    reply = await site.new("tools/list", {"cursor": "next"})
    assert reply.body["error"]["code"] == -32602


async def test_older_revisions_can_be_switched_off(serve: Serve) -> None:
    async with serve(ACTIONHERO_MCP__LEGACY="false") as site:
        reply = await site.old("initialize", INITIALIZE)
        modern = await site.new("tools/list")

    assert reply.status == 400
    assert reply.body["error"]["data"]["supported"] == [MODERN]
    assert modern.status == 200


# -- the revisions with a handshake -------------------------------------------------------------


async def test_a_session_is_in_its_id(site: Site) -> None:
    """Any process can read it: nothing is kept."""
    opened = await site.old("initialize", INITIALIZE)
    session_id = opened.headers["Mcp-Session-Id"]
    served = await site.old("tools/list", Mcp_Session_Id=session_id)
    without = await site.old("tools/list")
    forged = await site.old("tools/list", Mcp_Session_Id=session_id + "x")

    assert opened.body["result"]["protocolVersion"] == "2025-11-25"
    assert served.status == without.status == 200
    assert forged.status == 404 or forged.body["error"]["message"] == "Session not found"
    assert forged.status == 404


@pytest.mark.parametrize(
    ("asked", "negotiated"),
    [("2024-11-05", "2024-11-05"), ("2025-06-18", "2025-06-18"), ("2030-01-01", "2025-11-25")],
)
async def test_the_revision_is_negotiated(site: Site, asked: str, negotiated: str) -> None:
    reply = await site.post(request("initialize", {**INITIALIZE, "protocolVersion": asked}))
    assert reply.body["result"]["protocolVersion"] == negotiated


async def test_a_session_belongs_to_its_caller(serve: Serve) -> None:
    async with serve(*ACTIONS, TokensPlugin()) as site:
        opened = await site.old("initialize", INITIALIZE, Authorization="Bearer 7-a")
        session_id = opened.headers["Mcp-Session-Id"]
        other = await site.old("tools/list", Mcp_Session_Id=session_id, Authorization="Bearer 8-a")

    assert other.status == 403


async def test_errors_have_status_200(site: Site) -> None:
    """Older clients discard the body of another status."""
    unknown = await site.old("tools/call", {"name": "nothing"})
    method = await site.old("nothing")

    assert (unknown.status, unknown.body["error"]["code"]) == (200, -32602)
    assert (method.status, method.body["error"]["code"]) == (200, -32601)


async def test_old_revisions_have_no_structured_content(site: Site) -> None:
    params = {"name": "numbers-add", "arguments": {"number": 1}}
    reply = await site.old("tools/call", params, MCP_Protocol_Version="2025-03-26")
    assert "structuredContent" not in reply.body["result"]


class Slow(Action):
    """Wait until it is cancelled."""

    name = "slow"
    mcp = True
    started: asyncio.Event
    cancelled: asyncio.Event

    async def run(self) -> None:
        Slow.started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Slow.cancelled.set()
            raise


async def test_a_closed_connection_cancels_the_call(serve: Serve) -> None:
    Slow.started, Slow.cancelled = asyncio.Event(), asyncio.Event()
    async with serve(Slow) as site:
        calling = asyncio.create_task(site.new("tools/call", {"name": "slow"}))
        await Slow.started.wait()
        calling.cancel()
        async with asyncio.timeout(10):
            await Slow.cancelled.wait()


async def test_a_notification_cancels_the_call(serve: Serve) -> None:
    """Of the same session only."""
    Slow.started, Slow.cancelled = asyncio.Event(), asyncio.Event()
    async with serve(Slow) as site:
        opened = await site.old("initialize", INITIALIZE)
        session = {"Mcp_Session_Id": opened.headers["Mcp-Session-Id"]}
        calling = asyncio.create_task(site.old("tools/call", {"name": "slow"}, **session))
        await Slow.started.wait()
        message = {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": 1},
        }
        await site.post(message, MCP_Protocol_Version="2025-11-25")
        assert not Slow.cancelled.is_set()
        await site.post(message, MCP_Protocol_Version="2025-11-25", **session)
        reply = await calling

    assert Slow.cancelled.is_set()
    assert reply.body["error"]["message"] == "The request was cancelled"


async def test_a_slow_call_becomes_an_event_stream(serve: Serve) -> None:
    """Proxies close connections that are silent for long."""

    class Nap(Action):
        """Sleep for a moment."""

        name = "nap"
        mcp = True

        async def run(self) -> str:
            await asyncio.sleep(0.2)
            return "slept"

    async with serve(Nap, ACTIONHERO_MCP__STREAM_AFTER="0.05") as site:
        reply = await site.new("tools/call", {"name": "nap"})

    assert reply.headers["Content-Type"].startswith("text/event-stream")
    assert reply.headers["Cache-Control"] == "no-cache, no-transform"
    assert reply.headers["X-Accel-Buffering"] == "no"
    assert reply.body[-1]["result"]["content"][0]["text"] == "slept"
