"""The messages of the server, checked by models that are generated from the published schemas.

There are those of the revisions 2025-11-25, which the older ones share, and 2026-07-28.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mcp_types.jsonrpc import JSONRPCError
from mcp_types.methods import (
    SERVER_NOTIFICATIONS,
    SERVER_RESULTS,
    parse_server_notification,
    parse_server_request,
    validate_server_result,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

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
        if "timestamp" in message.get("error", ()):
            # The HTTP server has refused the request before the endpoint.
            continue
        assert message["jsonrpc"] == "2.0"
        method = message.get("method")
        if method is not None and "id" in message:
            parse_server_request(method, version, message.get("params"))
        elif method is not None:
            assert (method, version) in SERVER_NOTIFICATIONS, method
            parse_server_notification(method, version, message.get("params"))
        elif "error" in message:
            JSONRPCError.model_validate(message)
        else:
            assert message["id"] == sent["id"]
            result = message["result"]
            is_task = result.get("resultType") == "task" or sent["method"].startswith("tasks/")
            if not is_task:
                assert (sent["method"], version) in SERVER_RESULTS, sent["method"]
                validate_server_result(sent["method"], version, result)


def version_of(sent: Any, headers: Mapping[str, str]) -> str:
    """Return the revision of a message."""
    params = sent.get("params") if isinstance(sent, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(VERSION) if isinstance(meta, dict) else None
    version = version or headers.get("MCP-Protocol-Version") or "2025-11-25"
    return version if version in KNOWN_PROTOCOL_VERSIONS else "2025-11-25"
