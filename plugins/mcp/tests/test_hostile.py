"""Hostile messages: no message is an internal error, and each request has one response."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from plugins.mcp.tests.conftest import META, MODERN, meta

if TYPE_CHECKING:
    from plugins.mcp.tests.conftest import Serve, Site

METHODS = (
    "tools/call", "tools/list", "resources/read", "resources/templates/list", "prompts/get",
    "completion/complete", "server/discover", "initialize", "ping", "logging/setLevel",
    "resources/subscribe", "resources/unsubscribe", "tasks/get", "tasks/update", "tasks/cancel",
    "notifications/cancelled", "subscriptions/listen", "", "\x00", "tools/call/",
)  # fmt: skip
NAMES: tuple[Any, ...] = (
    "numbers-add", "note-view", "summary", "hidden", "notes://1", "notes://x", "__class__", "",
    "\ud800", "\x00", "a" * 3000, "../..", "notes://%00", "notes://%ff", None, 0, True, [], {},
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1.5, 1e308, "", "text", "\x00", "\udfff", "\u202e", [], {},
    [[]], {"": {}}, {"a": {"b": [1, 2]}}, "=?base64?x?=", META, list(range(50)),
)  # fmt: skip
KEYS = (
    "name", "uri", "arguments", "_meta", "cursor", "ref", "argument", "value", "level",
    "inputResponses", "requestState", "notifications", "resourceSubscriptions", "taskId",
    "protocolVersion", "capabilities", "clientInfo", "requestId", "progressToken", "type",
    META + "protocolVersion", META + "clientCapabilities", META + "logLevel", "number", "note",
)  # fmt: skip


def value(chance: random.Random, depth: int = 0) -> Any:
    """Return any JSON value, of the words of the protocol."""
    if depth < 3 and chance.random() < 0.4:
        return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randrange(4))}
    return chance.choice((chance.choice(VALUES), chance.choice(NAMES)))


def message(chance: random.Random) -> Any:
    """Return a message that may be anything from valid to not even an object."""
    params: Any = {chance.choice(KEYS): value(chance) for _ in range(chance.randrange(5))}
    if chance.random() < 0.7:
        params["name"] = params["uri"] = chance.choice(NAMES)
    if chance.random() < 0.5:
        params["arguments"] = value(chance)
    if chance.random() < 0.6:
        params["_meta"] = {**meta(), chance.choice(KEYS): value(chance)}
    if chance.random() < 0.1:
        params = value(chance)
    built: Any = {
        "jsonrpc": chance.choice(("2.0",) * 9 + ("1.0", 2, None)),
        "id": chance.choice((1, "a", 2**60, *(() if chance.random() < 0.8 else VALUES))),
        "method": chance.choice(METHODS),
        "params": params,
    }
    for key in list(built):
        if chance.random() < 0.05:
            del built[key]
    return built if chance.random() < 0.97 else chance.choice((value(chance), [built, built]))


async def attack(site: Site, seed: int, count: int) -> dict[int, int]:
    """Send hostile messages, and return the number of responses by status."""
    chance = random.Random(seed)
    statuses: dict[int, int] = {}
    for _ in range(count):
        sent = message(chance)
        body = json.dumps(sent).encode()
        if chance.random() < 0.05:
            cut = chance.randrange(len(body))
            body = body[:cut] + bytes([chance.randrange(256)]) + body[cut + 1 :]
        headers = {}
        method = sent.get("method") if isinstance(sent, dict) else None
        if method == "subscriptions/listen":
            # It would listen for ever.
            continue
        if isinstance(method, str) and method.isascii() and method.isprintable():
            name = sent.get("params")
            name = name.get("name") if isinstance(name, dict) else None
            headers = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
            if isinstance(name, str) and name.isascii() and name.isprintable():
                headers["Mcp_Name"] = name
            if chance.random() < 0.4:
                headers = {"MCP_Protocol_Version": "2025-06-18"}
        reply = await site.post(body, **headers)
        statuses[reply.status] = statuses.get(reply.status, 0) + 1
        answer = reply.body[-1] if isinstance(reply.body, list) else reply.body
        code = (answer or {}).get("error", {}).get("code")
        assert reply.status < 500, (sent, reply)
        assert code != -32603, (sent, reply)
        assert "Internal error" not in json.dumps(answer), (sent, reply)
    return statuses


async def test_hostile_messages_are_no_internal_errors(serve: Serve) -> None:
    async with serve() as site:
        statuses = await attack(site, seed=1, count=600)

    assert statuses.keys() <= {200, 202, 400, 404}
    assert statuses[200] > 20
    assert statuses[400] > 100


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
async def test_many_hostile_messages_are_no_internal_errors(serve: Serve, seed: int) -> None:
    async with serve() as site:
        await attack(site, seed=seed, count=2_500)
