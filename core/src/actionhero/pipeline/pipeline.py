"""The pipeline: the fixed sequence that every call goes through, over any transport."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from actionhero.call import Call, Outcome
from actionhero.errors import ActionNotFound, ServiceUnavailable, Timeout, TypedError
from actionhero.identifier import new_identifier
from actionhero.inputs.payloads import ValidatedPayload
from actionhero.logs import request_id as current_request_id
from actionhero.pipeline.call_plan import CallPlan
from actionhero.pipeline.error_handling import ErrorHandler
from actionhero.streams import Stream, consume, with_preparation
from actionhero.timeouts import CallTimeouts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero.action import ActionRegistry
    from actionhero.call import ResourceProvider
    from actionhero.connection import Connection, SessionStore
    from actionhero.inputs.payloads import Payload
    from actionhero.logs import CallLog
    from actionhero.middleware import Middleware
    from actionhero.pipeline.error_handling import Translation
    from actionhero.session import Session
    from actionhero.streams import Sink
    from actionhero.timeouts import PendingCall

Resource = TypeVar("Resource")


class Pipeline:
    """The pipeline of one application.

    Args:
        actions: The actions that can be called.
        resources: The resources behind `call.get`.
        middleware: Middleware around every call, the outermost first.
        timeout_seconds: The time limit of actions without one; zero: no limit.
        session_store: The store of sessions; `None`: a session lives as long as its connection.
        call_log: The log with one line per call.
        show_tracebacks: Whether outcomes contain the traceback of their error, as text.
        keep_tracebacks: Whether errors keep their traceback, for tests that raise them again.
    """

    def __init__(
        self,
        actions: ActionRegistry,
        resources: ResourceProvider,
        *,
        middleware: Iterable[Middleware] = (),
        timeout_seconds: float = 300.0,
        session_store: SessionStore | None = None,
        call_log: CallLog | None = None,
        show_tracebacks: bool = False,
        keep_tracebacks: bool = True,
    ) -> None:
        self.actions = actions
        self._error_handler = ErrorHandler(
            show_tracebacks=show_tracebacks, keep_tracebacks=keep_tracebacks
        )
        self.call_log = call_log
        self._resources = resources
        #: The store of sessions; `None`: a session lives as long as its connection.
        self.session_store = session_store
        self._timeouts = CallTimeouts()
        self._result_types: tuple[type[Exception], ...] = ()
        #: Middleware around every call, the outermost first.
        self.middleware = tuple(middleware)
        self._plans = {
            name: plan
            for action in actions
            for plan in [CallPlan(action, self.middleware, timeout_seconds)]
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
    ) -> Outcome:
        """Call the action `name` for `connection`, and return the outcome.

        1. find the action, 2. open the session, 3. validate the payload, 4. `before` of each
        middleware, inwards, 5. run, with a time limit, 6. `after`, outwards, 7. the outcome, which
        the transport translates into its response. Only cancellations are raised.

        Args:
            connection: The client.
            name: The name of the action.
            payload: The inputs, before validation.
            request_id: The identifier of the request; generated on demand if omitted.
            sink: Receives the items of an action that streams. Without one, the result is a list.
            session: The session of the enclosing call, which saves its changes.
            limit_seconds: A time limit instead of that of the action; zero: no limit.
            pending: The state of a call that the transport starts eagerly, in a context of its own.
        """
        plan = self._plans.get(name)
        if plan is None:
            error = self._not_found(name)
            # The name is from the client, so its length in the log is limited.
            return self.refuse(connection, error, request_id=request_id, name=name[:100])
        call = Call(self, plan.action, connection, request_id)
        token = current_request_id.set(call)
        log = self.call_log
        started = perf_counter() if log is not None and log.enabled else 0.0
        store = self.session_store if session is None else None
        entered = 0
        timeout = None
        seconds = plan.seconds if limit_seconds is None else limit_seconds
        starting = pending if pending is not None and pending.eager else None
        if pending is not None:
            pending.call = call
        if starting is not None:
            starting.limit_seconds = seconds
        elif seconds:
            timeout = self._timeouts.start(seconds)
        try:
            try:
                if store is not None:
                    session = await store.open(connection)
                call._session = session
                call.inputs = payload.parse(plan.schema)
                for before in plan.befores:
                    entered += 1
                    if before is not None:
                        await before(call)
                if plan.streams:
                    outcome = Outcome(await self._stream(plan, call, sink, timeout, store))
                else:
                    outcome = Outcome(await plan.run(call))
            except asyncio.CancelledError as error:
                outcome = self._interrupted(plan, call, payload, error)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - all errors become outcomes here
                outcome = self._failed(plan, call, payload, error)
            finally:
                if starting is not None:
                    starting.limit_seconds = 0.0
                    timeout = starting.timeout
                if timeout is not None:
                    timeout.cancel()
            # Even if `run` has caught our cancellation, the call took too long.
            if timeout is not None and timeout.expired and timeout.uncancel():
                outcome = Outcome(error=_timed_out(plan, seconds))
            if entered:
                outcome = await self._run_afters(plan, call, payload, outcome, entered)
            if store is not None and session is not None and session.changed and outcome.ok:
                outcome = await self._save(store, session, plan, call, payload, outcome)
            if started and log is not None:
                _write_log_line(log, started, outcome, call, payload)
            if outcome.cancelled:
                # Transactions are rolled back now; the canceller has to see the cancellation.
                raise asyncio.CancelledError
            return outcome
        finally:
            if pending is None:
                current_request_id.reset(token)

    def start_timeout(self, pending: PendingCall, task: asyncio.Task[Any]) -> None:
        """Start the time limit of an eagerly started call that did not end with its first step."""
        pending.eager = False
        if pending.limit_seconds:
            pending.timeout = self._timeouts.start(pending.limit_seconds, task)

    async def nested(self, call: Call, action: type, inputs: Any) -> Outcome:
        """Call `action` inside `call`: same connection, same session, same request."""
        try:
            name = self.actions.of_type(action).name
        except ActionNotFound as error:
            return Outcome(error=error)
        return await self.execute(
            call.connection,
            name,
            ValidatedPayload(inputs),
            request_id=call.request_id,
            session=call._session,
        )

    def refuse(
        self, connection: Connection, error: TypedError, *, request_id: str | None, name: str = ""
    ) -> Outcome:
        """Return the outcome of a call without an action, and log the call.

        For transports that find actions by something else than their name, such as a path.
        """
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
            )
        return Outcome(error=error)

    async def open_session(self, connection: Connection) -> None:
        """Open the session of a request without an action; its response may set the cookie.

        An error of the store is ignored: the response does not need the session.
        """
        if self.session_store is not None:
            with suppress(Exception):
                await self.session_store.open(connection)

    def error_outcome(self, operation: str, error: Exception) -> Outcome:
        """Return the outcome of an operation of a transport that failed outside of a call.

        Args:
            operation: For the log, such as `"joining the channel 'news'"`.
            error: The error.
        """
        return self._error_handler.handle_outside_call(error, operation)

    def encoding_error_outcome(self, name: str, error: Exception) -> Outcome:
        """Return the outcome of a call of `name` whose result the transport cannot encode."""
        return self._error_handler.handle_encoding_error(error, name)

    def translate(self, type_: type[Exception], translation: Translation) -> None:
        """Translate exceptions of `type_` and its subclasses to a `TypedError`.

        For plugins that know a driver: a lost connection is a 503, not an error of the action. The
        translation of a subclass takes precedence over that of its base.
        """
        self._error_handler.translate(type_, translation)

    def return_when_raised(self, type_: type[Exception]) -> None:
        """Treat exceptions of `type_` as results: to raise one is the same as to return it.

        For transports whose own responses are exceptions.
        """
        self._result_types = (*self._result_types, type_)

    @property
    def show_tracebacks(self) -> bool:
        """Whether outcomes contain the traceback of their error, as text."""
        return self._error_handler.show_tracebacks

    @show_tracebacks.setter
    def show_tracebacks(self, show: bool) -> None:
        self._error_handler.show_tracebacks = show

    def resource(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`."""
        return self._resources.get(type_)

    def close(self) -> None:
        """Cancel the timers on the event loop."""
        self._timeouts.close()

    async def _save(
        self,
        store: SessionStore,
        session: Session,
        plan: CallPlan,
        call: Call,
        payload: Payload,
        outcome: Outcome,
    ) -> Outcome:
        """Save the changes of the session, and return the outcome, an error if that fails."""
        try:
            if not outcome.cancelled:
                await store.save(call.connection, session)
        except asyncio.CancelledError as error:
            return self._interrupted(plan, call, payload, error)
        except Exception as error:  # noqa: BLE001 - without its session, the result is not valid
            return self._failed(plan, call, payload, error)
        return outcome

    async def _stream(
        self,
        plan: CallPlan,
        call: Call,
        sink: Sink | None,
        timeout: Any,
        store: SessionStore | None,
    ) -> Any:
        """Pass the items of a stream to `sink`. The time limit applies from item to item."""
        value = None
        if plan.action.is_generator:
            items, media_type = plan.run(call), None
        else:
            value = await plan.run(call)
            if not isinstance(value, Stream):
                return value
            items, media_type = value.chunks, value.media_type
        if sink is not None and store is not None:

            async def save_session() -> None:
                if call._session is not None and call._session.changed:
                    await store.save(call.connection, call._session)

            # A transport can send a cookie before the first item only.
            sink = with_preparation(sink, save_session)
        collected = await consume(items, media_type, sink, timeout and timeout.restart)
        return collected if sink is None else value

    async def _run_afters(
        self, plan: CallPlan, call: Call, payload: Payload, outcome: Outcome, entered: int
    ) -> Outcome:
        """Run `after` of every middleware whose `before` was entered, in reverse order."""
        for after in plan.afters[entered - 1 :: -1]:
            if after is None:
                continue
            try:
                replacement = await after(call, outcome)
            except asyncio.CancelledError as error:
                cancelled = outcome.cancelled
                outcome = self._interrupted(plan, call, payload, error)
                outcome.cancelled |= cancelled
            except Exception as error:  # noqa: BLE001 - an outcome like any other error
                cancelled = outcome.cancelled
                outcome = self._failed(plan, call, payload, error)
                outcome.cancelled = cancelled
            else:
                if replacement is not None and replacement is not outcome:
                    replacement.cancelled = outcome.cancelled
                    outcome = replacement
        return outcome

    def _not_found(self, name: str) -> TypedError:
        try:
            self.actions.find(name)
        except ActionNotFound as error:
            return error
        return ActionNotFound(f"Action not found: {name}")

    def _interrupted(
        self, plan: CallPlan, call: Call, payload: Payload, error: asyncio.CancelledError
    ) -> Outcome:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return Outcome(error=ServiceUnavailable("The call was cancelled"), cancelled=True)
        # The call itself was not cancelled, but something that `run` awaited.
        return self._failed(plan, call, payload, error)

    def _failed(
        self, plan: CallPlan, call: Call, payload: Payload, error: BaseException
    ) -> Outcome:
        if isinstance(error, self._result_types):
            error.__traceback__ = None
            return Outcome(error)
        if isinstance(error, TypedError) and call.inputs is None:
            return self._error_handler.reject(error, plan.action, payload)
        return self._error_handler.handle(error, plan.action, payload, call.inputs)


def _timed_out(plan: CallPlan, seconds: float) -> Timeout:
    return Timeout(f"Action '{plan.action.name}' timed out after {seconds * 1000:.0f}ms")


def _write_log_line(
    log: CallLog, started: float, outcome: Outcome, call: Call, payload: Payload
) -> None:
    schema = call.action.inputs
    inputs = call.inputs
    error = outcome.error
    log.write(
        action=call.action.name,
        transport=call.connection.transport,
        outcome="cancelled" if outcome.cancelled else "ok" if error is None else error.type,
        milliseconds=(perf_counter() - started) * 1000,
        request_id=call.request_id,
        remote=call.connection.remote,
        inputs=schema.redact_payload(payload.preview())
        if inputs is None
        else schema.redact(inputs),
    )
