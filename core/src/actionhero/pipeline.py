"""The corridor: the one way of a call, whichever door it came in by."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from actionhero.call import Call, Outcome
from actionhero.error_handling import ErrorHandler
from actionhero.errors import ActionNotFound, ServiceUnavailable, Timeout, TypedError
from actionhero.identifier import new_identifier
from actionhero.inputs.payloads import ValidatedPayload
from actionhero.logs import request_id as current_request_id
from actionhero.middleware import Middleware
from actionhero.streams import Stream, before_first, pull
from actionhero.timeouts import CallTimeouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero.action import ActionRegistry, RegisteredAction
    from actionhero.call import ResourceProvider
    from actionhero.connection import Connection, SessionStore
    from actionhero.error_handling import Translation
    from actionhero.inputs.payloads import Payload
    from actionhero.logs import CallLog
    from actionhero.session import Session
    from actionhero.streams import Sink
    from actionhero.timeouts import PendingCall

Resource = TypeVar("Resource")


class _Plan:
    """All that can be worked out once for an action."""

    __slots__ = ("action", "afters", "befores", "run", "schema", "seconds", "streams")

    def __init__(
        self, action: RegisteredAction, around: Sequence[Middleware], default: float
    ) -> None:
        self.action = action
        self.streams = action.streams
        self.schema = action.inputs
        limit = action.type.timeout
        #: Zero: no limit.
        self.seconds = default if limit is None else limit.total_seconds()
        layers = (*around, *action.middleware)
        # What a class did not write is not called: a layer costs what it does.
        self.befores = tuple(layer.before if _writes(layer, "before") else None for layer in layers)
        self.afters = tuple(layer.after if _writes(layer, "after") else None for layer in layers)
        self.run = _runner(action)


class Pipeline:
    """The corridor of one application.

    Args:
        actions: What can be called.
        resources: What `call.get` reaches.
        middleware: Middleware around every call, the outermost first.
        timeout_seconds: The limit of actions that set none; zero: none.
        session_store: Where sessions are kept; `None`: they live as long as their connection.
        call_log: Where the line per call goes.
        show_tracebacks: Whether outcomes carry the traceback of their error, as text.
        keep_tracebacks: Whether errors keep their own, for whoever raises them again: tests.
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
        self._failures = ErrorHandler(
            show_tracebacks=show_tracebacks, keep_tracebacks=keep_tracebacks
        )
        self.call_log = call_log
        self._resources = resources
        self._store = session_store
        self._timeouts = CallTimeouts()
        #: Middleware around every call, the outermost first.
        self.middleware = tuple(middleware)
        self._plans = {
            action.name: _Plan(action, self.middleware, timeout_seconds) for action in actions
        }

    async def execute(
        self,
        connection: Connection,
        name: str,
        raw: Payload,
        *,
        request_id: str | None = None,
        sink: Sink | None = None,
        session: Session | None = None,
        limit_seconds: float | None = None,
        pending: PendingCall | None = None,
    ) -> Outcome:
        """Run the action called `name` for `connection`, and return what came of it.

        1. find the action, 2. open the session, 3. validate, 4. `before` of each middleware,
        inwards, 5. run, under the time limit, 6. `after`, outwards, 7. the outcome, which the
        door turns into its own kind of answer. No exception leaves but a cancellation.

        Args:
            connection: Who calls.
            name: What is called.
            raw: The inputs as they came.
            request_id: What ties together all that happens because of one request; made if
                somebody wants to know, where left out.
            sink: Takes the items of an action that streams. Without one they make a list.
            session: The one of the call that this one runs in, and that keeps its changes.
            limit_seconds: The time limit in place of the action's own; zero: none.
            pending: What the door keeps of a call that runs in a task and a context of its own.
        """
        plan = self._plans.get(name)
        if plan is None:
            error = self._unknown(name)
            # Whatever a stranger wrote in place of a name is not worth a long line.
            return self.refuse(connection, error, request_id=request_id, name=name[:100])
        call = Call(self, plan.action, connection, request_id)
        token = current_request_id.set(call)
        log = self.call_log
        started = perf_counter() if log is not None and log.enabled else 0.0
        store = self._store if session is None else None
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
                call.inputs = raw.parse(plan.schema)
                for before in plan.befores:
                    entered += 1
                    if before is not None:
                        await before(call)
                if plan.streams:
                    outcome = Outcome(await self._stream(plan, call, sink, timeout, store))
                else:
                    outcome = Outcome(await plan.run(call))
            except asyncio.CancelledError as error:
                outcome = self._interrupted(plan, call, raw, error)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the one place that must catch all
                outcome = self._failed(plan, call, raw, error)
            finally:
                if starting is not None:
                    starting.limit_seconds = 0.0
                    timeout = starting.timeout
                if timeout is not None:
                    timeout.cancel()
            # Whatever `run` made of our cancellation: it took too long.
            if timeout is not None and timeout.expired and timeout.uncancel():
                outcome = Outcome(error=self._timed_out(plan, seconds))
            if entered:
                outcome = await self._leave(plan, call, raw, outcome, entered)
            if store is not None and session is not None and session.changed and outcome.ok:
                outcome = await self._save(store, session, plan, call, raw, outcome)
            if started and log is not None:
                self._write(log, started, outcome, call, raw)
            if outcome.cancelled:
                # What was undone is undone; whoever cancelled us must learn that we heard.
                raise asyncio.CancelledError
            return outcome
        finally:
            if pending is None:
                current_request_id.reset(token)

    def start_timeout(self, pending: PendingCall, task: asyncio.Task[Any]) -> None:
        """Take note that a call has to wait for something: its time limit holds from now on."""
        pending.eager = False
        if pending.limit_seconds:
            pending.timeout = self._timeouts.start(pending.limit_seconds, task)

    async def nested(self, call: Call, action: type, inputs: Any) -> Outcome:
        """Run `action` inside `call`: same connection, same session, same request."""
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
        """Return the outcome of a call that found no action, and write its line.

        For doors that look actions up by something else than their name, such as a path.
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
        """Open the session of somebody who called no action, for doors that answer with its cookie.

        A store that fails is passed over: that nothing is there can be told without.
        """
        if self._store is not None:
            with suppress(Exception):
                await self._store.open(connection)

    @property
    def session_store(self) -> SessionStore | None:
        """Where sessions are kept; `None`: they live as long as their connection."""
        return self._store

    def error_outcome(self, what: str, error: Exception) -> Outcome:
        """Return the outcome of something that a door does beside calls, and that failed.

        Args:
            what: For the log, such as `"joining the channel 'news'"`.
            error: Whatever was raised.
        """
        return self._failures.beside(error, what)

    def encoding_error_outcome(self, name: str, error: Exception) -> Outcome:
        """Return the outcome of a call whose value the door could not write down."""
        return self._failures.unanswerable(error, name)

    def translate(self, type_: type[Exception], translation: Translation) -> None:
        """Tell exceptions of `type_`, and of its subclasses, as a `TypedError` of your own.

        For plugins that know a driver: that it lost its server is 503 and no failure of an action.
        A subclass that is known itself goes before the class that it derives from.
        """
        self._failures.translate(type_, translation)

    @property
    def show_tracebacks(self) -> bool:
        """Whether outcomes carry the traceback of their error, as text."""
        return self._failures.show_tracebacks

    @show_tracebacks.setter
    def show_tracebacks(self, shown: bool) -> None:
        self._failures.show_tracebacks = shown

    def resource(self, type_: type[Resource]) -> Resource:
        """Return what initializers provide as `type_`."""
        return self._resources.get(type_)

    def close(self) -> None:
        """Give back what the corridor holds on the event loop."""
        self._timeouts.close()

    # -- the corridor itself -----------------------------------------------------------------

    async def _save(
        self,
        store: SessionStore,
        session: Session,
        plan: _Plan,
        call: Call,
        raw: Payload,
        outcome: Outcome,
    ) -> Outcome:
        """Keep what the call changed in its session, and return what came of it then."""
        try:
            if not outcome.cancelled:
                await store.save(call.connection, session)
        except asyncio.CancelledError as error:
            return self._interrupted(plan, call, raw, error)
        except Exception as error:  # noqa: BLE001 - a value that was not kept is no value
            return self._failed(plan, call, raw, error)
        return outcome

    async def _stream(
        self, plan: _Plan, call: Call, sink: Sink | None, timeout: Any, store: SessionStore | None
    ) -> Any:
        """Pull the items of a stream into `sink`. The limit holds from each item to the next."""
        value = None
        if plan.action.is_generator:
            items, media_type = plan.run(call), None
        else:
            value = await plan.run(call)
            if not isinstance(value, Stream):
                return value
            items, media_type = value.chunks, value.media_type
        if sink is not None and store is not None:
            # A transport can send a cookie up to the first item.
            sink = before_first(sink, lambda: self._save_changes(store, call))
        collected = await pull(items, media_type, sink, timeout and timeout.restart)
        return collected if sink is None else value

    async def _save_changes(self, store: SessionStore, call: Call) -> None:
        if call._session is not None and call._session.changed:
            await store.save(call.connection, call._session)

    async def _leave(
        self, plan: _Plan, call: Call, raw: Payload, outcome: Outcome, entered: int
    ) -> Outcome:
        """Run `after` of every middleware whose `before` was entered."""
        # In reverse: what opened a transaction last must close it first.
        for after in plan.afters[entered - 1 :: -1]:
            if after is None:
                continue
            try:
                replaced = await after(call, outcome)
            except asyncio.CancelledError as error:
                cancelled = outcome.cancelled
                outcome = self._interrupted(plan, call, raw, error)
                outcome.cancelled |= cancelled
            except Exception as error:  # noqa: BLE001 - told as an outcome like any other
                cancelled = outcome.cancelled
                outcome = self._failed(plan, call, raw, error)
                outcome.cancelled = cancelled
            else:
                if replaced is not None and replaced is not outcome:
                    replaced.cancelled = outcome.cancelled
                    outcome = replaced
        return outcome

    # -- failures ----------------------------------------------------------------------------

    def _unknown(self, name: str) -> TypedError:
        try:
            self.actions.find(name)
        except ActionNotFound as error:
            return error
        return ActionNotFound(f"Action not found: {name}")

    def _timed_out(self, plan: _Plan, seconds: float) -> Timeout:
        return Timeout(f"Action '{plan.action.name}' timed out after {seconds * 1000:.0f}ms")

    def _interrupted(
        self, plan: _Plan, call: Call, raw: Payload, error: asyncio.CancelledError
    ) -> Outcome:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return Outcome(error=ServiceUnavailable("The call was cancelled"), cancelled=True)
        # Nobody cancelled this call: `run` awaited something that somebody else cancelled.
        return self._failed(plan, call, raw, error)

    def _failed(self, plan: _Plan, call: Call, raw: Payload, error: BaseException) -> Outcome:
        if isinstance(error, TypedError) and call.inputs is None:
            return self._failures.reject(error, plan.action, raw)
        return self._failures.failed(error, plan.action, raw, call.inputs)

    # -- the line per call -------------------------------------------------------------------

    def _write(
        self, log: CallLog, started: float, outcome: Outcome, call: Call, raw: Payload
    ) -> None:
        if call.inputs is not None:
            inputs = call.action.inputs.shown(call.inputs)
        else:
            inputs = call.action.inputs.redact_payload(raw.preview())
        error = outcome.error
        log.write(
            action=call.action.name,
            transport=call.connection.transport,
            outcome="cancelled" if outcome.cancelled else "ok" if error is None else error.type,
            milliseconds=(perf_counter() - started) * 1000,
            request_id=call.request_id,
            remote=call.connection.remote,
            inputs=inputs,
        )


def _writes(layer: Middleware, method: str) -> bool:
    """Whether the class of `layer` wrote `method`; the one of `Middleware` does nothing."""
    return getattr(type(layer), method, None) is not getattr(Middleware, method)


def _runner(action: RegisteredAction) -> Any:
    """Return a function of a call that starts `run` with what it asks for."""
    run = action.instance.run
    if action.takes_inputs and action.takes_call:
        return lambda call: run(call.inputs, call)
    if action.takes_inputs:
        return lambda call: run(call.inputs)
    return run if action.takes_call else lambda call: run()
