"""The pipeline: the fixed sequence that every call goes through, over any transport."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from actionhero.call import Call, Outcome
from actionhero.errors import ActionNotFound, InvalidInput
from actionhero.identifier import new_identifier
from actionhero.inputs.payloads import EMPTY_PAYLOAD, DeferredPayload, ValidatedPayload
from actionhero.logs import request_id as current_request_id
from actionhero.pipeline.call_plan import CallPlan, unexpected_result
from actionhero.pipeline.completion import (
    record_refusal,
    run_afters,
    save_changes,
    save_session,
    write_log_line,
)
from actionhero.pipeline.error_reporting import ErrorReporting
from actionhero.pipeline.identification import Identification
from actionhero.pipeline.observation import join_observers
from actionhero.pipeline.streaming import run_stream
from actionhero.timeouts import CallTimeouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero.action import ActionRegistry, RegisteredAction
    from actionhero.audit.log import AuditLog
    from actionhero.authentication import Authentication, PermissionSource
    from actionhero.call import ResourceProvider
    from actionhero.connection import Connection, SessionStore
    from actionhero.errors import TypedError
    from actionhero.identity.principal import Principal
    from actionhero.identity.session import Session
    from actionhero.inputs.payloads import Payload
    from actionhero.logs import CallLog
    from actionhero.middleware import Middleware
    from actionhero.pipeline.exception_reports import ExceptionReports
    from actionhero.pipeline.observation import Observer
    from actionhero.streams import Sink
    from actionhero.timeouts import CallTimeout, PendingCall

Resource = TypeVar("Resource")


class Pipeline(Identification, ErrorReporting):
    """The pipeline of one application.

    Args:
        actions: The actions that can be called.
        resources: The resources behind `call.get`.
        middleware: Middleware around every call, the outermost first.
        response_types: The classes of responses of transports, which are results as they are.
        timeout_seconds: The time limit of actions without one; zero: no limit.
        validate_outputs: The check of results of actions without a choice: `filter` or `strict`.
        session_store: The store of sessions; `None`: a session lives as long as its connection.
        authentication: The authenticators of credentials other than sessions.
        permission_source: The source of the permissions of principals.
        audit: The audit log; `None`: nothing is recorded.
        observers: The observers of calls.
        call_log: The log with one line per call.
        show_tracebacks: Whether outcomes contain the traceback of their error, as text.
        keep_tracebacks: Whether errors keep their traceback, for tests that raise them again.
        reports: Passes unexpected exceptions to reporters.
    """

    def __init__(
        self,
        actions: ActionRegistry,
        resources: ResourceProvider,
        *,
        middleware: Iterable[Middleware] = (),
        response_types: Iterable[type] = (),
        timeout_seconds: float = 300.0,
        validate_outputs: str = "filter",
        session_store: SessionStore | None = None,
        authentication: Authentication | None = None,
        permission_source: PermissionSource | None = None,
        audit: AuditLog | None = None,
        observers: Iterable[Observer] = (),
        call_log: CallLog | None = None,
        show_tracebacks: bool = False,
        keep_tracebacks: bool = True,
        reports: ExceptionReports | None = None,
    ) -> None:
        self.actions = actions
        responses = tuple(response_types)
        # A subclass of another one would make each check of a result slower.
        bases = tuple(
            type_
            for type_ in responses
            if not any(issubclass(type_, other) for other in responses if other is not type_)
        )
        Identification.__init__(self, session_store, authentication, permission_source, audit)
        ErrorReporting.__init__(
            self,
            show_tracebacks=show_tracebacks,
            keep_tracebacks=keep_tracebacks,
            result_types=tuple(type_ for type_ in responses if issubclass(type_, Exception)),
            reports=reports,
        )
        self.call_log = call_log
        self._resources = resources
        self._observers = join_observers(observers)
        self._timeouts = CallTimeouts()
        #: Middleware around every call, the outermost first.
        self.middleware = tuple(middleware)
        self._plans = {
            name: plan
            for action in actions
            for plan in [
                CallPlan(action, self.middleware, bases, timeout_seconds, validate_outputs)
            ]
            for name in action.names
        }

    async def execute(
        self,
        connection: Connection,
        name: str,
        payload: Payload,
        *,
        request_id: str | None = None,
        sink: Sink | None = None,
        session: Session | None = None,
        limit_seconds: float | None = None,
        pending: PendingCall | None = None,
        in_process: bool = False,
        principal: Principal | None = None,
        carrier: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        outer: Call | None = None,
    ) -> Outcome:
        """Call the action `name` for `connection`, and return the outcome.

        1. find the action, 2. identify the caller, by credentials or a session, 3. `authorize` of
        each middleware, 4. validate the payload, 5. `before` of each middleware, inwards, 6. run,
        with a time limit, and check the result, 7. `after`, outwards, 8. the outcome, which the
        transport translates into its response. Only cancellations are raised.

        Args:
            connection: The client.
            name: The name of the action.
            payload: The inputs, before validation.
            request_id: The identifier of the request; generated on demand if omitted.
            sink: Receives the items of an action that streams. Without one, the result is a list.
            session: The session of the enclosing call, which saves its changes.
            limit_seconds: A time limit instead of that of the action; zero: no limit.
            pending: The state of a call that the transport starts eagerly, in a context of its own.
            in_process: Whether the result stays in the process, so that it is not encoded.
            principal: The principal of the enclosing call, if it has credentials.
            carrier: The trace fields of this call, if the transport has them for each call.
            idempotency_key: The idempotency key of this call, if the transport has it for each.
            outer: The enclosing call.
        """
        plan = self._plans.get(name)
        if plan is None:
            error = self._not_found(name)
            # The name is from the client, so its length in the log is limited.
            return self.refuse(connection, error, request_id=request_id, name=name[:100])
        call = Call(self, plan.action, connection, request_id, carrier, idempotency_key, outer)
        token: Any = current_request_id.set(call)
        log = self.call_log
        observers = self._observers
        is_logged = log is not None and log.enabled
        started = perf_counter() if is_logged or observers is not None else 0.0
        marks = None if observers is None else observers.began(call)
        outcome = None
        store = self.session_store if session is None else None
        entered = 0
        timeout = None
        seconds = plan.seconds if limit_seconds is None else limit_seconds
        starting = pending if pending is not None and pending.eager else None
        if pending is not None:
            pending.call = call
            token = None
        if starting is not None:
            starting.limit_seconds = seconds
        elif seconds:
            timeout = self._timeouts.start(seconds)
        try:
            try:
                if plan.admissions:
                    for admit in plan.admissions:
                        if (result := await admit(connection, plan.action, None)) is not None:
                            raise unexpected_result(result, admit)
                if principal is None and (
                    connection.credentials is not None or connection.principal is not None
                ):
                    principal = connection.principal
                    if principal is None and connection.credentials is not None:
                        principal = self.authentication.recall(connection.credentials)
                    if principal is None:
                        principal = await self.identify(connection)
                if principal is not None:
                    call._principal = principal
                    # Its session is not stored.
                    store = None
                elif store is not None:
                    session = await store.open(connection)
                call._session = session
                if plan.checks_callers:
                    requested, payload = payload, EMPTY_PAYLOAD
                    for authorize in plan.authorizations:
                        if (result := await authorize(call)) is not None:
                            raise unexpected_result(result, authorize)
                    for admit in plan.session_admissions:
                        if (
                            result := await admit(connection, plan.action, call.session)
                        ) is not None:
                            raise unexpected_result(result, admit)
                    payload = await _read(requested, timeout)
                call.inputs = payload.parse(plan.schema)
                early = None
                for before in plan.befores:
                    entered += 1
                    if before is not None and (early := await before(call)) is not None:
                        break
                if early is not None:
                    outcome = plan.complete_early(early, before, encode=not in_process)
                elif plan.streams:
                    restart = None if timeout is None else timeout.restart
                    save = (
                        None if store is None else partial(save_changes, store, call, self._audit)
                    )
                    outcome = await run_stream(plan, call, sink, restart, save)
                else:
                    outcome = plan.complete(await plan.run(call), encode=not in_process)
            except BaseException as error:  # noqa: BLE001 - all errors become outcomes here
                outcome = self._errors.failed(error, call, payload)
            finally:
                if starting is not None:
                    starting.limit_seconds = 0.0
                    timeout = starting.timeout
                if timeout is not None:
                    timeout.cancel()
            # Even if `run` has caught our cancellation, the call took too long.
            if timeout is not None and timeout.expired and timeout.uncancel():
                outcome = self._errors.timed_out(plan.action, seconds)
            if entered and plan.has_afters:
                outcome = await run_afters(
                    plan, call, payload, outcome, self._errors.failed,
                    entered=entered, encode=not in_process,
                )  # fmt: skip
            if store is not None and session is not None and session.changed and outcome.ok:
                outcome = await save_session(
                    store, session, call, payload, outcome, self._errors.failed, self._audit
                )
            if outcome.error is not None and self._audit is not None:
                record_refusal(self._audit, outcome.error, call, payload)
            if is_logged and log is not None:
                facts = None if observers is None else observers.facts(call)
                write_log_line(log, started, outcome, call, payload, facts)
            if outcome.cancelled:
                # Transactions are rolled back now; the canceller has to see the cancellation.
                raise asyncio.CancelledError
            return outcome
        except GeneratorExit:
            # The coroutine is being closed, outside of its context.
            token = None
            raise
        finally:
            if observers is not None:
                ended = Outcome(cancelled=True) if outcome is None else outcome
                observers.ended(call, ended, perf_counter() - started, marks)
            if token is not None:
                current_request_id.reset(token)

    def start_timeout(self, pending: PendingCall, task: asyncio.Task[Any]) -> None:
        """Start the time limit of an eagerly started call that did not end with its first step."""
        pending.eager = False
        if pending.limit_seconds:
            pending.timeout = self._timeouts.start(pending.limit_seconds, task)

    async def nested(self, call: Call, action: type, inputs: Any) -> Outcome:
        """Call `action` inside `call`: same connection, same session, same request."""
        if not isinstance(action, type):
            raise TypeError(
                f"call.run takes the class of an action, not {action!r}; write call.run(Greet, …)"
            )
        # These errors are not those of the client, who has asked for something else.
        try:
            registered = self.actions.of_type(action)
            if inputs is None:
                inputs = registered.inputs.from_values({}, refuse_unknown=False)
        except (ActionNotFound, InvalidInput) as error:
            raise TypeError(f"call.run({action.__qualname__}): {error.message}") from None
        return await self.execute(
            call.connection,
            registered.name,
            ValidatedPayload(inputs),
            request_id=call.request_id,
            session=call._session if call._principal is None else call.session,
            in_process=True,
            principal=call._principal,
            outer=call,
        )

    def encoding_error_outcome(self, name: str, error: BaseException) -> Outcome:
        """Return the outcome of a call of `name` whose result the transport cannot encode."""
        plan = self._plans.get(name)
        return self._errors.handle_encoding_error(
            error, name, None if plan is None else plan.action
        )

    def authorizes(self, name: str) -> bool:
        """Return whether middleware of the action `name` has `authorize` or `admit`.

        Its transport may then pass a `DeferredPayload`, which is read once the caller is
        authorized.
        """
        plan = self._plans.get(name)
        return plan is not None and plan.checks_callers

    def middleware_of(self, action: RegisteredAction) -> tuple[Middleware, ...]:
        """Return the middleware around an action, the outermost first; for API documents."""
        return self._plans[action.name].layers

    def refuse(
        self, connection: Connection, error: TypedError, *, request_id: str | None, name: str = ""
    ) -> Outcome:
        """Return the outcome of a call without an action, and log the call.

        For transports that find actions by something else than their name, such as a path, and for
        those that refuse a call before its caller is identified.
        """
        if self._observers is not None:
            self._observers.refused(connection, name, error)
        if self._audit is not None:
            token = current_request_id.set(request_id)
            self._audit.refused(error, connection, action=name)
            current_request_id.reset(token)
        log = self.call_log
        if log is not None and log.enabled:
            log.write(
                action=name,
                transport=connection.transport,
                outcome=error.type,
                milliseconds=0.0,
                request_id=request_id or new_identifier(),
                remote=connection.remote,
                inputs={},
                facts=connection.log_facts(Outcome(error=error)),
            )
        return Outcome(error=error)

    def resource(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`."""
        return self._resources.get(type_)

    def close(self) -> None:
        """Cancel the timers on the event loop."""
        self._timeouts.close()

    def _not_found(self, name: str) -> TypedError:
        try:
            self.actions.find(name)
        except ActionNotFound as error:
            return error
        return ActionNotFound(f"Action not found: {name}")


async def _read(payload: Payload, timeout: CallTimeout | None) -> Payload:
    """Return the payload of an authorized call; a deferred one is read now."""
    if not isinstance(payload, DeferredPayload):
        return payload
    if timeout is not None:
        # The time of the client, which its transport limits, is not that of the action.
        timeout.cancel()
    read = await payload.read()
    if timeout is not None:
        timeout.restart()
    return read
