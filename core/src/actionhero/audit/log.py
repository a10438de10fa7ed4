"""`AuditLog`: records audit events, as log lines and to sinks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from actionhero.call import Call
from actionhero.connection import Connection
from actionhero.errors import ABSENT, ErrorType, ServiceUnavailable
from actionhero.identity.principal import is_no_user
from actionhero.logs import context_facts
from actionhero.logs import request_id as current_request_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero.audit.delivery import SinkDelivery
    from actionhero.audit.event import AuditEvent
    from actionhero.audit.sink import AuditSink
    from actionhero.errors import SignInRequired, TypedError
    from actionhero.identity.principal import Principal
    from actionhero.identity.session import Session

logger = logging.getLogger("actionhero.audit")

#: How long the end of the application waits for the sinks.
CLOSE_SECONDS: Final = 2.0
#: The errors by which callers are refused.
_REFUSALS: Final = frozenset(
    {
        ErrorType.SESSION_NOT_FOUND,
        ErrorType.CREDENTIALS,
        ErrorType.FORBIDDEN,
        ErrorType.CHANNEL_AUTHORIZATION,
    }
)


class AuditLog:
    """The audit log of an application: `call.get(AuditLog)`.

    ```python
    call.get(AuditLog).record("credential_creation", credential_id=key.id, details={"name": name})
    ```

    Events are lines of JSON of the logger `actionhero.audit`, whatever the format and the level of
    the other logs. Nothing is imported and no thread is started before the first event.

    Args:
        follows_level: Whether `logs.level` applies to the lines.
        user_key: The session key of the user.
    """

    def __init__(self, *, follows_level: bool = False, user_key: str = "userId") -> None:
        self._follows_level = follows_level
        #: The session key of the user.
        self.user_key = user_key
        self._delivery: SinkDelivery | None = None

    def add_sinks(self, sinks: Sequence[AuditSink]) -> None:
        """Set the sinks of all further events; none: log lines only."""
        if sinks:
            from actionhero.audit.delivery import SinkDelivery  # noqa: PLC0415 - it needs threads

            self._delivery = SinkDelivery(sinks)

    def record(
        self,
        name: str,
        outcome: str = "success",
        *,
        source: Call | Connection | None = None,
        user: Any = ABSENT,
        method: str | None = None,
        credential_id: str | None = None,
        action: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event. Its line is written at once, its sinks follow in a thread.

        Args:
            name: The event: one of `actionhero.audit.event.EVENTS`, or `plugin.name`.
            outcome: `success`, `failure` or `begun`.
            source: The call or the connection; by default the current call, if there is one.
            user: The user, instead of that of the call.
            method: How the user was identified, instead of that of the call.
            credential_id: The public identifier of credentials, instead of that of the call; never
                the secret.
            action: The name of the action, instead of that of the call.
            details: Further facts. Values whose names are those of secrets are redacted.

        Raises:
            ValueError: The name or the outcome is not in the vocabulary.
        """
        event = _event(name, outcome, source, user, method, credential_id, action, details)
        self._write_line(event)
        if self._delivery is not None:
            self._delivery.submit(event)

    async def require(
        self,
        name: str,
        outcome: str = "begun",
        *,
        source: Call | Connection | None = None,
        user: Any = ABSENT,
        method: str | None = None,
        credential_id: str | None = None,
        action: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event, and return once all sinks have written it; see `record`.

        For an act that must not happen without its event: record it before as `begun`, and after
        it with its outcome.

        Raises:
            ServiceUnavailable: A sink has failed.
            ValueError: The name or the outcome is not in the vocabulary.
        """
        event = _event(name, outcome, source, user, method, credential_id, action, details)
        self._write_line(event)
        if self._delivery is None:
            return
        try:
            await asyncio.wrap_future(self._delivery.require(event))
        except Exception as error:
            raise ServiceUnavailable("The audit log cannot be written") from error

    async def flush(self) -> None:
        """Wait until the sinks have written all events so far, or have failed."""
        if self._delivery is not None:
            await asyncio.wrap_future(self._delivery.flush())

    async def close(self) -> None:
        """Wait for the sinks for at most two seconds, at the end of the application."""
        if self._delivery is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.wrap_future(self._delivery.finish())
        except TimeoutError:
            # The end of the process waits again.
            logging.getLogger("actionhero.audit.sinks").error(
                "the audit sinks have not written all events within %g s", CLOSE_SECONDS
            )

    # -- events of the pipeline, sessions and transports --------------------------------------

    def refused(
        self,
        error: TypedError,
        source: Call | Connection,
        *,
        session: Session | None = None,
        action: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that a call or a subscription was refused, if the error means that.

        An error that is raised again in the same request is recorded once.

        Args:
            error: The error.
            source: The call or the connection.
            session: The session of a connection without a call, by `Pipeline.load_session`.
            action: The name of the action of a refused call that has not begun.
            details: Further facts, such as the channel.
        """
        if error.type not in _REFUSALS or not _mark(error):
            return
        facts = {"error": error.type.value, "reason": error.message, **(details or {})}
        name = "sign_in" if error.type == ErrorType.CREDENTIALS else "access"
        user: Any = ABSENT
        method = credential_id = None
        if session is not None:
            user = session.get(self.user_key)
            credentials = source.credentials if isinstance(source, Connection) else None
            if credentials is not None:
                # `session_of` a principal has the public identifier of its credentials.
                method, credential_id = credentials.scheme, session.id
            elif not is_no_user(user):
                method = "session"
        self.record(
            name, "failure", source=source, user=user, method=method, credential_id=credential_id,
            action=action, details=facts,
        )  # fmt: skip

    def credentials_refused(self, error: SignInRequired, connection: Connection) -> None:
        """Record that an authenticator, or all of them, have refused the credentials of a call."""
        _mark(error)
        credentials = connection.credentials
        self.record(
            "credential_use",
            "failure",
            source=connection,
            user=getattr(error, "user", None),
            method="" if credentials is None else credentials.scheme,
            credential_id=getattr(error, "credential_id", ""),
            details={"reason": getattr(error, "reason", "invalid")},
        )

    def session_saved(self, session: Session, source: Call | Connection) -> None:
        """Record a sign-in or a sign-out, if the user of a session that was saved has changed."""
        before = session.take_replaced(self.user_key)
        if before is ABSENT:
            return
        user = session.get(self.user_key)
        if not is_no_user(user):
            details = {} if is_no_user(before) or before == user else {"before": before}
            self.record(
                "sign_in", source=source, user=user, method="session", details=details,
                credential_id="",
            )  # fmt: skip
        elif not is_no_user(before):
            self.signed_out(before, source)

    def signed_out(self, user: Any, source: Call | Connection) -> None:
        """Record that a session has lost its user."""
        self.record("sign_out", source=source, user=user, method="session", credential_id="")

    def _write_line(self, event: AuditEvent) -> None:
        is_enabled = logger.isEnabledFor(logging.INFO)
        # Without a level of its own, the logger has that of the other logs.
        if is_enabled or not (self._follows_level or logger.level):
            facts = {"audit_event": event}
            line = event.to_json()
            logger.handle(
                logger.makeRecord(
                    logger.name, logging.INFO, __file__, 0, line, (), None, None, facts
                )
            )


def _mark(error: TypedError) -> bool:
    """Mark an error as recorded in the current request; return false if it was."""
    request = current_request_id.get()
    if request is None:
        return True
    if error.audited_request == request:
        return False
    error.audited_request = request
    return True


def _call_of(source: Call | Connection | None) -> Call | None:
    """Return a call, the current one of a connection, or the current one; `None` if none runs."""
    if isinstance(source, Call):
        return source
    current = current_request_id.source()
    if isinstance(current, Call) and source in (None, current.connection):
        return current
    return None


def _event(
    name: str,
    outcome: str,
    source: Call | Connection | None,
    user: Any,
    method: str | None,
    credential_id: str | None,
    action: str,
    details: Mapping[str, Any] | None,
) -> AuditEvent:
    from actionhero.audit import event as events  # noqa: PLC0415 - not before the first event

    events.check_event(name, outcome)
    call = _call_of(source)
    connection = source.connection if isinstance(source, Call) else source
    if call is not None:
        connection = call.connection
    principal = _principal(call, connection)
    if principal is not None:
        user = principal.user if user is ABSENT else user
        method = principal.method if method is None else method
        credential_id = principal.credential_id if credential_id is None else credential_id
    fields: Mapping[str, str] = {}
    if call is not None:
        fields = call.carrier
    elif connection is not None:
        fields = connection.trace_fields
    return events.AuditEvent(
        timestamp=events.now(),
        event=name,
        outcome=outcome,
        user=None if user is ABSENT else events.clean(user),
        method=method or "",
        credential_id=credential_id or "",
        transport="" if connection is None else connection.transport,
        remote=None if connection is None else connection.remote,
        action=call.action.name if call is not None and not action else action,
        request_id=current_request_id.get() if call is None else call.request_id,
        trace_id=events.trace_id_of(fields),
        details=events.clean({**(context_facts.get() or {}), **(details or {})}),
    )


def _principal(call: Call | None, connection: Connection | None) -> Principal | None:
    """Return the principal, as far as it is known: `call.principal` would open a session."""
    if call is not None and (call._principal is not None or call._session is not None):
        return call.principal
    return None if connection is None else connection.principal
