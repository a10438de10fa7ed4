"""`Refusals`: the refused requests of agents in the audit log, one event each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import AuditLog, Connection, ErrorType

if TYPE_CHECKING:
    from actionhero import Application, Principal, TypedError

#: The errors of calls that the pipeline records.
_RECORDED: Final = frozenset({ErrorType.SESSION_NOT_FOUND, ErrorType.FORBIDDEN})


class Refusals:
    """Records refusals that the pipeline does not see.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._audit = app.get(AuditLog)

    def record(self, connection: Connection, reason: str, **details: Any) -> None:
        """Record that a request was refused.

        Args:
            connection: Its connection.
            reason: The reason, as the client sees it.
            details: Further facts, such as the status.
        """
        self._audit.record(
            "access", "failure", source=connection, details={"reason": reason, **details}
        )

    def record_from(
        self, remote: str | None, principal: Principal | None, reason: str, status: int
    ) -> None:
        """Record that an HTTP request was refused before it was read as a message."""
        connection = Connection("mcp", remote)
        connection.principal = principal
        self.record(connection, reason, status=status)


def is_recorded(error: TypedError) -> bool:
    """Return whether the pipeline has recorded the error of a call as a refusal."""
    return error.type in _RECORDED
