"""`AuditTrail`: records the acts of operators, before and after them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from redis import exceptions

from actionhero import AuditLog, ServiceUnavailable, TypedError
from actionhero.transport import ABSENT, dumps, loads, new_identifier, request_id
from actionhero_console.facts import browser_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application, Connection
    from actionhero_console.operators import Operator
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.console")

#: The number of entries in each stream.
MAX_ENTRIES: Final = 10_000
#: The longest texts of an entry together, in characters; the audit log of the application has all.
MAX_TEXT: Final = 20_000
#: The entries on a page.
PAGE_SIZE: Final = 100
_UNWRITTEN: Final = "The audit log cannot be written, so nothing was done; try again later"


class AuditTrail:
    """The audit log of the console: streams in Redis, and the audit log of the application.

    An act is recorded before as `begun`, and after with its outcome. An act that cannot be
    recorded is refused. Refusals have their own stream: clients can cause any number of them, and
    would displace the acts, of which a limited number is kept.

    Args:
        app: The application.
        clients: The clients of Redis.
    """

    def __init__(self, app: Application, clients: RedisClients) -> None:
        self._log = app.get(AuditLog)
        self._clients = clients
        self._key = clients.key("console", "audit")
        self._refusals_key = clients.key("console", "audit", "refusals")

    async def begin(
        self,
        event: str,
        operator: Operator,
        source: Connection,
        facts: Mapping[str, Any],
        *,
        action: str = "",
    ) -> Act:
        """Record that an act begins.

        Raises:
            ServiceUnavailable: It cannot be recorded.
        """
        act = Act(self, event, operator, source, facts, action)
        await self.write(act, "begun")
        return act

    async def write(self, act: Act, outcome: str, **facts: Any) -> None:
        """Record an entry of an act.

        Raises:
            ServiceUnavailable: It cannot be recorded.
        """
        await self._write(self._key, act, outcome, facts)

    async def _write(self, key: str, act: Act, outcome: str, facts: Mapping[str, Any]) -> None:
        details = {"act": act.id, "role": str(act.role), **act.facts, **facts}
        entry = {
            "time": int(time.time() * 1000),
            "event": act.event,
            "outcome": outcome,
            "operator": act.operator,
            "method": act.method,
            "remote": act.source.remote,
            "request_id": request_id.get(),
            "action": act.action,
            **details,
        }
        try:
            text = dumps(entry)
            if len(text) > MAX_TEXT:
                text = dumps(browser_facts(entry, MAX_TEXT))
            words = (key, "MAXLEN", "=", MAX_ENTRIES, "*", "event", text)
            await self._clients.execute("XADD", *words)
        except (exceptions.RedisError, OSError) as error:
            raise ServiceUnavailable(_UNWRITTEN) from error
        await self._log.require(
            act.event, outcome, source=act.source, method=act.method, action=act.action,
            user=ABSENT if act.operator is None else act.operator, details=details,
        )  # fmt: skip

    async def note(
        self,
        event: str,
        outcome: str,
        operator: Operator | None,
        source: Connection,
        facts: Mapping[str, Any],
    ) -> None:
        """Record something that has happened, such as a refusal; an error is logged only.

        Refusals of unknown clients are in the audit log of the application only.
        """
        if operator is None and event != "sign_in":
            self._log.record(event, outcome, source=source, details=facts)
            return
        act = Act(self, event, operator, source, facts, "")
        key = self._refusals_key if outcome == "failure" else self._key
        try:
            await self._write(key, act, outcome, {})
        except ServiceUnavailable:
            logger.error("the audit log of the console cannot be written: %s %s", event, outcome)

    async def entries(self, before: str = "", count: int = PAGE_SIZE) -> list[dict[str, Any]]:
        """Return entries, the newest first.

        Args:
            before: The `id` of an entry; only older ones are returned.
            count: Their maximum number.
        """
        end = f"({before}" if before else "+"
        rows: list[Any] = []
        for key in (self._key, self._refusals_key):
            rows += await self._clients.execute(
                "XREVRANGE", key, end, "-", "COUNT", count, idempotent=True
            )
        # Both streams have the clock of Redis.
        rows.sort(key=lambda row: [int(part) for part in row[0].split(b"-")], reverse=True)
        return [{"id": id.decode(), **_decode(fields)} for id, fields in rows[:count]]


class Act:
    """An act of an operator.

    Args:
        trail: Its audit trail.
        event: The name of the event.
        operator: The operator; `None`: unknown.
        source: The client.
        facts: The facts of all its entries.
        action: The name of the action that it calls.
    """

    def __init__(
        self,
        trail: AuditTrail,
        event: str,
        operator: Operator | None,
        source: Connection,
        facts: Mapping[str, Any],
        action: str,
    ) -> None:
        self._trail = trail
        self.id = new_identifier()
        self.event = event
        #: The name of the operator; `None`: unknown.
        self.operator = None if operator is None else operator.name
        self.role = "" if operator is None else operator.role
        self.method = "" if operator is None else operator.method
        self.source = source
        self.facts = facts
        self.action = action

    async def succeeded(self, **facts: Any) -> None:
        """Record that it has succeeded."""
        await self._finish("success", facts)

    async def finished(self, facts: Mapping[str, Any]) -> None:
        """Record that it has ended; with the fact `error`, as a failure."""
        await self._finish("failure" if "error" in facts else "success", facts)

    async def failed(self, error: BaseException) -> None:
        """Record that it has failed."""
        kind = error.type if isinstance(error, TypedError) else type(error).__name__
        await self._finish("failure", {"error": str(kind)})

    async def _finish(self, outcome: str, facts: Mapping[str, Any]) -> None:
        try:
            await self._trail.write(self, outcome, **facts)
        except ServiceUnavailable:
            # The act has happened: its `begun` has no outcome, which the panel shows.
            logger.error("the outcome of %s cannot be recorded: %s", self.event, outcome)


def _decode(fields: list[bytes]) -> dict[str, Any]:
    names = fields[::2]
    try:
        entry = loads(fields[names.index(b"event") * 2 + 1])
    except (ValueError, TypedError):
        return {}
    return entry if isinstance(entry, dict) else {}
