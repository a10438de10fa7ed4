"""`AuditSink`: a store of audit events, added by a plugin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero.audit.event import AuditEvent


class AuditSink(ABC):
    """Stores audit events, in addition to the log lines; see the hook `actionhero_audit_sinks`."""

    @abstractmethod
    def write(self, event: AuditEvent) -> None:
        """Store an event, and return once it is durable.

        Called in a thread of its own, for one event after the other, in their order. It may block.
        Errors are logged and change nothing, unless the event must be written: see
        `AuditLog.require`.
        """
