"""The revisions of the protocol: their methods, the fields of their results, and their errors.

The only module that names a revision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The revisions without a handshake: each request states its version and the client's capabilities.
MODERN: Final = ("2026-07-28",)
#: The revisions that begin with a handshake, the newest first.
HANDSHAKE: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
#: The revision of a request without a version, as the specification demands.
ASSUMED: Final = "2025-03-26"
#: The first revision whose clients accept an event without data.
FIRST_WITH_RESUMPTION: Final = "2025-11-25"

_META: Final = "io.modelcontextprotocol/"
PROTOCOL_VERSION: Final = _META + "protocolVersion"
CLIENT_CAPABILITIES: Final = _META + "clientCapabilities"
CLIENT_INFO: Final = _META + "clientInfo"
SERVER_INFO: Final = _META + "serverInfo"
LOG_LEVEL: Final = _META + "logLevel"
SUBSCRIPTION_ID: Final = _META + "subscriptionId"
#: The extension for calls that outlast their request.
TASKS: Final = _META + "tasks"

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022

#: The levels of log messages (RFC 5424 §6.2.1), the least severe first.
LOG_LEVELS: Final = (
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
)  # fmt: skip

_COMMON: Final = frozenset(
    {
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    }
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of the protocol."""

    name: str
    #: Whether there is no handshake.
    is_modern: bool
    #: The methods of requests that clients send.
    methods: frozenset[str]
    #: The error code for a resource that does not exist.
    resource_not_found: int
    #: Whether tools have an output schema, and results have structured content.
    has_structured_content: bool
    #: Whether structured content may be any JSON value, not only an object.
    has_any_structured_content: bool
    #: Whether events have identifiers, with which a client continues after a lost connection.
    has_resumption: bool = False


def _handshake(name: str) -> Revision:
    methods = {"initialize", "ping", "logging/setLevel"}
    methods |= {"resources/subscribe", "resources/unsubscribe"}
    return Revision(
        name,
        is_modern=False,
        methods=_COMMON | methods,
        resource_not_found=-32002,
        has_structured_content=name >= "2025-06-18",
        has_any_structured_content=False,
        has_resumption=name >= FIRST_WITH_RESUMPTION,
    )


def _modern(name: str) -> Revision:
    methods = {"server/discover", "subscriptions/listen", "tasks/get", "tasks/update"}
    return Revision(
        name,
        is_modern=True,
        methods=_COMMON | methods | {"tasks/cancel"},
        resource_not_found=INVALID_PARAMS,
        has_structured_content=True,
        has_any_structured_content=True,
    )


REVISIONS: Final = {
    **{name: _modern(name) for name in MODERN},
    **{name: _handshake(name) for name in HANDSHAKE},
}

#: The methods of all revisions.
METHODS: Final = frozenset().union(*(revision.methods for revision in REVISIONS.values()))
