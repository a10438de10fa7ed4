"""The end of a call: `after` of its middleware, its session, and its log line."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from actionhero.errors import ErrorType, Forbidden
from actionhero.pipeline.call_plan import checked_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero.audit.log import AuditLog
    from actionhero.call import Call, Outcome
    from actionhero.connection import SessionStore
    from actionhero.errors import TypedError
    from actionhero.identity.session import Session
    from actionhero.inputs.payloads import Payload
    from actionhero.logs import CallLog
    from actionhero.pipeline.call_plan import CallPlan

    #: Returns the outcome of a call that raised an error.
    Failed = Callable[[BaseException, Call, Payload], Outcome]


async def run_afters(
    plan: CallPlan,
    call: Call,
    payload: Payload,
    outcome: Outcome,
    failed: Failed,
    *,
    entered: int,
    encode: bool,
) -> Outcome:
    """Run `after` of every middleware whose `before` was entered, in reverse order.

    Args:
        plan: The plan of the call.
        call: The call.
        payload: The inputs before validation.
        outcome: The outcome so far.
        failed: Returns the outcome of an error.
        entered: How many middlewares were entered.
        encode: Whether the outcome leaves the process.
    """
    result = outcome.value
    is_kept = plan.keeps_outcome
    for after in plan.afters[entered - 1 :: -1]:
        if after is None:
            continue
        cancelled = outcome.cancelled
        try:
            replacement = await after(call, outcome)
            if replacement is not None:
                outcome = checked_outcome(replacement, after)
                is_kept = False
        except BaseException as error:  # noqa: BLE001 - an outcome like any other error
            outcome = failed(error, call, payload)
        outcome.cancelled |= cancelled
    if not is_kept and outcome.ok and not outcome.cancelled:
        try:
            plan.complete_again(outcome, result, encode=encode)
        except BaseException as error:  # noqa: BLE001 - an outcome like any other error
            return failed(error, call, payload)
    return outcome


async def save_session(
    store: SessionStore,
    session: Session,
    call: Call,
    payload: Payload,
    outcome: Outcome,
    failed: Failed,
    audit: AuditLog | None,
) -> Outcome:
    """Save the changes of the session, and return the outcome, an error if that fails."""
    try:
        if not outcome.cancelled:
            await _save(store, session, call, audit)
    except BaseException as error:  # noqa: BLE001 - without its session, the result is invalid
        return failed(error, call, payload)
    return outcome


async def save_changes(store: SessionStore, call: Call, audit: AuditLog | None) -> None:
    """Save the session of a call that is not over, if it has changed."""
    if call._session is not None and call._session.changed:
        await _save(store, call._session, call, audit)


async def _save(store: SessionStore, session: Session, call: Call, audit: AuditLog | None) -> None:
    if call.connection.is_cross_site:
        raise Forbidden("A page of another site cannot change the session")
    await store.save(call.connection, session)
    call.connection.session_saved(session)
    if audit is not None:
        audit.session_saved(session, call)


def record_refusal(audit: AuditLog, error: TypedError, call: Call, payload: Payload) -> None:
    """Record the error of a call in the audit log, if its caller was refused."""
    details = None
    if error.type == ErrorType.CREDENTIALS:
        # The name of the attempted sign-in.
        details = {"inputs": _redacted_inputs(call, payload)}
    audit.refused(error, call, details=details)


def write_log_line(
    log: CallLog,
    started: float,
    outcome: Outcome,
    call: Call,
    payload: Payload,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the log line of a call.

    Args:
        log: The log.
        started: The start of the call, from `perf_counter`.
        outcome: The outcome.
        call: The call.
        payload: The inputs before validation.
        facts: Further facts.
    """
    own = call.connection.log_facts(outcome)
    log.write(
        action=call.action.name,
        transport=call.connection.transport,
        outcome=outcome.name,
        milliseconds=(perf_counter() - started) * 1000,
        request_id=call.request_id,
        remote=call.connection.remote,
        inputs=_redacted_inputs(call, payload),
        facts={**own, **(facts or {})} if own else facts,
    )


def _redacted_inputs(call: Call, payload: Payload) -> Any:
    schema = call.action.inputs
    if call.inputs is None:
        return schema.redact_payload(payload.preview())
    return schema.redact(call.inputs)
