"""Records the operations of the command line in the audit log."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actionhero.audit.log import AuditLog
from actionhero.logs import request_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actionhero.action import RegisteredAction
    from actionhero.application import Application
    from actionhero.call import Outcome
    from actionhero.cli.command_context import CommandContext
    from actionhero.connection import Connection
    from actionhero.inputs.payloads import Payload


@contextmanager
def audited(
    app: Application,
    context: CommandContext,
    event: str,
    details: Mapping[str, Any],
    *,
    action: str = "",
) -> Iterator[dict[str, Any]]:
    """Record the operation of a command in the audit log, when it has ended or failed.

    Args:
        app: The loaded application.
        context: The context of the command.
        event: The event, such as `db.migrate`.
        details: Further facts.
        action: The name of the action, if it is about one.

    Yields:
        A dictionary for facts that become known during the operation.
    """
    connection = context.connection()
    facts = {**details}
    try:
        yield facts
    except BaseException as error:
        facts["error"] = type(error).__name__
        _record(app, connection, event, "failure", facts, action=action)
        raise
    _record(app, connection, event, "success", facts, action=action)


def record_call(
    app: Application,
    connection: Connection,
    action: RegisteredAction,
    payload: Payload,
    outcome: Outcome,
) -> None:
    """Record a call of an operator as a user, unless its refusal is recorded already."""
    error = outcome.error
    if error is not None and error.audited_request == request_id.get():
        return
    facts: dict[str, Any] = {"inputs": action.inputs.redact_payload(payload.preview())}
    if error is not None:
        facts["error"] = error.type.value
    result = "success" if outcome.ok else "failure"
    _record(app, connection, "operator_call", result, facts, action=action.name)


def _record(
    app: Application,
    connection: Connection,
    event: str,
    outcome: str,
    details: Mapping[str, Any],
    *,
    action: str = "",
) -> None:
    app.get(AuditLog).record(
        event,
        outcome,
        source=connection,
        method="operator",
        action=action,
        details={"account": _account(), **details},
    )


def _account() -> str:
    """Return the account of this process; not from variables, which its user may change."""
    try:
        import pwd  # noqa: PLC0415 - not on Windows
    except ImportError:
        return os.environ.get("USERNAME", "")
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
