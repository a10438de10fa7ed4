"""`AuditEvent`, the vocabulary of its names, and its line of JSON."""

from __future__ import annotations

import json
import math
import re
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.logs.formatters import timestamp
from actionhero.redaction import mask_urls, redact, redact_sensitive

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The events of core and what they mean. Those of a plugin have its name as a prefix: `db.migrate`.
EVENTS: Final[Mapping[str, str]] = {
    "sign_in": "A session has gained its user; `failure`: the credentials of a sign-in were wrong.",
    "sign_out": "A session has lost its user.",
    "session_revocation": "The sessions of a user were deleted.",
    "credential_creation": "An API key or a token was created.",
    "credential_revocation": "An API key or a token was revoked.",
    "credential_use": "`failure`: credentials were refused as unknown, expired or revoked.",
    "access": "`failure`: a call or a subscription was refused to its caller.",
    "operator_call": "An operator has called or enqueued an action as a user.",
}
#: `begun` precedes the outcome of an act that must not happen without its event.
OUTCOMES: Final = ("success", "failure", "begun")

_PLUGIN_EVENT: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
#: https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_MAX_INTEGER: Final = 2**63


class AuditEvent(NamedTuple):
    """An event of the audit log. Texts in it may be from a client; secrets are redacted."""

    #: The time in UTC, as ISO 8601 with milliseconds.
    timestamp: str
    #: The name: one of `EVENTS`, or `plugin.name`.
    event: str
    #: `success`, `failure` or `begun`.
    outcome: str
    #: The user as the application knows them, a JSON value; `None`: unknown, or anonymous.
    user: Any
    #: How the user was identified, such as `session` or `api_key`; empty if not at all.
    method: str
    #: The public identifier of the credentials; empty if there is none.
    credential_id: str
    #: The transport of the call, such as `web` or `cli`; empty outside of one.
    transport: str
    #: The address of the client.
    remote: str | None
    #: The name of the action; empty outside of a call.
    action: str
    #: The identifier of the request.
    request_id: str | None
    #: The identifier of the trace, if the caller has sent one.
    trace_id: str | None
    #: Further facts, redacted and truncated.
    details: Mapping[str, Any]

    def facts(self) -> dict[str, Any]:
        """Return the facts of its log line, in their order."""
        heading = {"timestamp": self.timestamp, "level": "info", "logger": LOGGER}
        return {**heading, "message": "audit", **self._asdict()}

    def to_json(self) -> str:
        """Return the event as one line of ASCII.

        Line breaks, control characters and lone surrogates are escaped, so that no text can forge
        a line, or control a terminal.
        """
        text = json.dumps(self.facts(), separators=(",", ":"))
        return text.replace("\x7f", "\\u007f")


#: The name of the logger.
LOGGER: Final = "actionhero.audit"


def check_event(name: str, outcome: str) -> None:
    """Check the name and the outcome of an event.

    Raises:
        ValueError: They are not in the vocabulary.
    """
    if name not in EVENTS and not _PLUGIN_EVENT.fullmatch(name):
        known = ", ".join(EVENTS)
        raise ValueError(
            f"{name!r} is no audit event; use one of {known}, or the name of your plugin, a dot "
            "and a name in lower case, as in 'db.migrate'"
        )
    if outcome not in OUTCOMES:
        raise ValueError(f"{outcome!r} is no outcome of an event; use {', '.join(OUTCOMES)}")


def now() -> str:
    """Return the time of an event."""
    return timestamp(time.time())


def trace_id_of(fields: Mapping[str, str]) -> str | None:
    """Return the identifier of a trace from its fields; `None` without a valid one."""
    match = _TRACEPARENT.fullmatch(str(fields.get("traceparent", "")))
    return match[1] if match else None


def clean(value: Any) -> Any:
    """Return a value as JSON without secrets: redacted by names, truncated, URLs masked."""
    try:
        return _plain(redact(redact_sensitive(value), frozenset()))
    except Exception:  # noqa: BLE001 - of a class of an application
        return f"<{type(value).__qualname__}>"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {mask_urls(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _MAX_INTEGER:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return mask_urls(str(value))
