"""The messages of the server, checked by models that are generated from the published schemas.

There are those of the revisions 2025-11-25, which the older ones share, and 2026-07-28. The models
ignore members that a schema does not have, so each message has to survive them unchanged.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from mcp_types.jsonrpc import JSONRPCError
from mcp_types.methods import SERVER_NOTIFICATIONS, SERVER_REQUESTS, SERVER_RESULTS
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION = "io.modelcontextprotocol/protocolVersion"


def check_messages(sent: Any, headers: Mapping[str, str], messages: Iterable[Any]) -> None:
    """Check the messages of a response; those of extensions have no schema.

    Args:
        sent: The message of the client.
        headers: Its headers.
        messages: The messages of the server.
    """
    if isinstance(sent, bytes):
        with suppress(ValueError):
            sent = json.loads(sent)
    version = version_of(sent, headers)
    for message in messages:
        if "Host" in headers and "jsonrpc" not in message:
            # The HTTP server has refused the host, for all of its paths.
            continue
        assert message["jsonrpc"] == "2.0"
        method = message.get("method")
        if method is not None:
            kind = SERVER_REQUESTS if "id" in message else SERVER_NOTIFICATIONS
            assert (method, version) in kind, method
            check(kind[method, version], message)
        elif "error" in message:
            check(JSONRPCError, message)
        else:
            assert message.keys() == {"jsonrpc", "id", "result"}
            assert message["id"] == sent["id"]
            result = message["result"]
            is_task = result.get("resultType") == "task" or sent["method"].startswith("tasks/")
            if not is_task:
                assert (sent["method"], version) in SERVER_RESULTS, sent["method"]
                check(SERVER_RESULTS[sent["method"], version], result)


def check(schema: Any, value: Any) -> None:
    """Check a value by a model; it has no members besides those of the model."""
    adapter = _adapter(schema)
    checked = adapter.validate_python(value, by_name=False)
    known = adapter.dump_python(checked, by_alias=True, mode="json", exclude_unset=True)
    assert known == value


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def version_of(sent: Any, headers: Mapping[str, str]) -> str:
    """Return the revision of a message."""
    params = sent.get("params") if isinstance(sent, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(VERSION) if isinstance(meta, dict) else None
    version = version or headers.get("MCP-Protocol-Version") or "2025-11-25"
    return version if version in KNOWN_PROTOCOL_VERSIONS else "2025-11-25"
