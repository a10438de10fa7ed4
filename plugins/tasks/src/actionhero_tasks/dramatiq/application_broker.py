"""`ApplicationBroker`: the broker of an application, of which every action is an actor."""

from __future__ import annotations

import contextlib
from concurrent.futures import CancelledError
from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Actor, Message
from dramatiq import worker as dramatiq_worker
from dramatiq.middleware import SkipMessage, default_middleware

from actionhero import BootError, InvalidInput
from actionhero.transport import loads, new_identifier
from actionhero_tasks.dramatiq.action_actor import ActionActor
from actionhero_tasks.dramatiq.broker import ENQUEUED, JobBroker
from actionhero_tasks.dramatiq.messages import (
    JobMessage,
    current_message,
    decode_action_message,
    decode_stored,
    encode_exception,
    encode_stored,
)
from actionhero_tasks.dramatiq.signals import REPLACED, SignalTable, needs_thread
from actionhero_tasks.encryption import DecryptionError
from actionhero_tasks.job import (
    JobMessageFields,
    NewJob,
    Settlement,
    SettlementKind,
    StoreUnavailable,
)
from actionhero_tasks.job_options import message_delay_ms, message_priority
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from dramatiq import Middleware

    from actionhero import Application, Outcome
    from actionhero_tasks.dramatiq.action_jobs import ActionJobs
    from actionhero_tasks.dramatiq.event_loop import ApplicationLoop
    from actionhero_tasks.job import Claim
    from actionhero_tasks.job_observer import JobObservers
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.store import JobStore

#: The signals of a job that is processed.
_JOB_SIGNALS: Final = (
    "before_process_message",
    "after_process_message",
    "after_skip_message",
    "before_ack",
    "after_ack",
    "before_nack",
    "after_nack",
)
#: The folder of dramatiq.
_FOLDER: Final = dramatiq_worker.__file__.removesuffix("worker.py")
#: Options that this package adds to messages of actions.
_OWN_OPTIONS: Final = frozenset(
    {"encrypted", "secret_names", "request_id", "user", "grants", "carrier", "is_text"}
)


class ApplicationBroker(JobBroker):
    """The broker of an application: `call.get(Tasks).broker`, and dramatiq's global one.

    Every action is an actor of it, and so are the functions with `@dramatiq.actor`. Messages of
    actions are validated, and run, as the jobs of `Tasks.enqueue`. Middleware is called for all.

    Args:
        app: The application.
        open_store: Returns the job store.
        jobs: Creates the jobs of actions.
        enqueue_before_commit: Enqueues a job in the current transaction, right before its commit;
            returns its id, or `None` if there is none.
        middleware: The middleware of plugins, in addition to dramatiq's default.
        open_source: Returns where consumers get the jobs from; by default the store.
    """

    def __init__(
        self,
        app: Application,
        open_store: Callable[[], JobStore],
        jobs: ActionJobs,
        enqueue_before_commit: Callable[[NewJob], str | None],
        middleware: Sequence[Middleware] = (),
        open_source: Callable[[], JobSource] | None = None,
    ) -> None:
        self._jobs = jobs
        self._enqueue_before_commit = enqueue_before_commit
        self._action_table: SignalTable | None = None
        #: Whether the boot of this process was emitted.
        self.has_booted = False
        #: Runs the job of an action, on the event loop; set where jobs run.
        self.execute: Callable[[Claim], Awaitable[tuple[Settlement, Outcome]]] | None = None
        #: The event loop of the application; set where jobs run.
        self.loop: ApplicationLoop | None = None
        #: Called by `close`.
        self.on_close: Callable[[], None] = lambda: None
        # A middleware of dramatiq with other arguments replaces the default one.
        defaults = [
            kind()
            for kind in default_middleware
            if not any(isinstance(item, kind) for item in middleware)
        ]
        super().__init__(open_store, [*defaults, *middleware], open_source)
        for action in app.actions:
            ActionActor(action, task_of(action), self, jobs.encryption, self._runner(action.name))

    def close(self) -> None:
        """Stop the application, if the worker of dramatiq's command runs it."""
        self.on_close()

    # -- actors --------------------------------------------------------------------------------

    def adopt(self, actor: Actor[Any, Any]) -> None:
        """Declare an actor that was declared without a broker.

        Raises:
            BootError: It has the name of an action, or an option that no middleware has.
        """
        location = f"actor {actor.actor_name!r} ({actor.fn.__module__}.{actor.fn.__qualname__})"
        if isinstance(self.actors.get(actor.actor_name), ActionActor):
            raise BootError(f"{location} has the name of an action; rename one of them")
        unknown = sorted(set(actor.options) - self.actor_options)
        if unknown:
            raise BootError(
                f"{location} has the options {', '.join(map(repr, unknown))}, which no middleware "
                "has; return the middleware from the hook actionhero_tasks_middleware, or remove "
                f"them (available: {', '.join(sorted(self.actor_options))})"
            )
        actor.broker = self
        self.declare_actor(actor)

    def plain_actors(self) -> list[Actor[Any, Any]]:
        """Return the actors that are not actions, by name."""
        return [
            actor for _, actor in sorted(self.actors.items()) if not isinstance(actor, ActionActor)
        ]

    @property
    def observers(self) -> JobObservers | None:
        """The observers of jobs."""
        return self._jobs.observers

    def is_action(self, name: str) -> bool:
        """Return whether an actor is an action."""
        return isinstance(self.actors.get(name), ActionActor)

    def decode(self, claim: Claim) -> Message[Any]:
        """Decode the message of a job; of an undecodable job of an action, one without inputs."""
        return (
            decode_action_message(claim) if self.is_action(claim.action) else super().decode(claim)
        )

    # -- signals -------------------------------------------------------------------------------

    @property
    def action_signals(self) -> SignalTable:
        """The signals for jobs of actions: of all middleware that the pipeline does not replace."""
        previous = self._table
        table = self.signals
        if self._action_table is None or table is not previous:
            self._action_table = SignalTable(
                [item for item in self.middleware if not isinstance(item, REPLACED)]
            )
        return self._action_table

    @property
    def listens_to_enqueue(self) -> bool:
        """Whether a middleware, or a patch of dramatiq, sees messages that are enqueued."""
        return self.signals.has_hooks("before_enqueue", "after_enqueue") or _is_patched(
            Actor.message_with_options
        )

    @property
    def runs_actions_in_threads(self) -> bool:
        """Whether a middleware, or a patch of dramatiq, needs actions to have threads."""
        return _is_patched(dramatiq_worker.WorkerThread.process_message) or any(
            needs_thread(item) for item in self._listening()
        )

    @property
    def listens_to_actions(self) -> bool:
        """Whether a middleware other than dramatiq's default sees jobs of actions."""
        return SignalTable(self._listening()).has_hooks(*_JOB_SIGNALS) or self.listens_to_enqueue

    def _listening(self) -> list[Middleware]:
        return [
            item
            for item in self.middleware
            if type(item) not in default_middleware and not isinstance(item, REPLACED)
        ]

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware before an event; see `JobBroker.emit_before`."""
        if signal == "process_message" and self.is_action(args[0].actor_name):
            current_message.set(args[0])
            args[0].skip_if_cancelled()
            self._emit(self.action_signals, "before_process_message", args, kwargs)
        else:
            super().emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware after an event, in reverse order. Their errors are logged."""
        if signal in {"process_message", "skip_message"} and self.is_action(args[0].actor_name):
            if signal == "process_message":
                self._conclude(args[0], kwargs)
            self._emit(self.action_signals, f"after_{signal}", args, kwargs)
        else:
            super().emit_after(signal, *args, **kwargs)

    def _conclude(self, message: JobMessage, outcome: dict[str, Any]) -> None:
        """Mark the message of an action as failed or retried, as dramatiq's `Retries` would."""
        claim = message.claim
        if message.error is not None:
            message.stuff_exception(message.error)
            outcome.pop("result", None)
            outcome["exception"] = message.error
        exception = outcome.get("exception")
        if message.settlement is None and exception is not None:
            # Another middleware has interrupted the action, such as one that aborts messages.
            error = encode_exception(exception)
            message.settlement = Settlement(claim.id, claim.token, SettlementKind.DEAD, error=error)
        elif exception is None:
            outcome["result"] = message.result
        settlement = message.settlement
        if settlement is None:
            return
        if settlement.kind is SettlementKind.DEAD:
            message.fail()
        elif settlement.kind is SettlementKind.RETRY:
            message.options["retries"] = claim.attempts + 1
            copy = message.copy()
            super().emit_before("enqueue", copy, settlement.delay_ms)
            super().emit_after("enqueue", copy, settlement.delay_ms)

    # -- enqueueing ----------------------------------------------------------------------------

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Add a message to the store, and return it. It blocks until it is stored.

        In a transaction it is written right before the commit, and stored with the data.

        Args:
            message: The message.
            delay: How many milliseconds to wait before it may run.

        Raises:
            InvalidInput: The inputs of the action, or its priority, are invalid.
            BrokerConnectionError: The store cannot be reached.
            ValueError: The delay, or the priority of an actor, is out of bounds.
        """
        current = current_message.get()
        if current is not None and current.is_retry(message):
            return super().enqueue(message, delay=delay)
        observers = self._jobs.observers
        if observers is None:
            return self._enqueue(message, delay)[0]
        marks = observers.enqueuing(message.actor_name)
        try:
            stored, job, id = self._enqueue(message, delay)
        except BaseException as error:
            observers.not_enqueued(error, marks)
            raise
        observers.enqueued([job], [id], marks)
        return stored

    def _enqueue(
        self, message: Message[Any], delay: int | None
    ) -> tuple[Message[Any], NewJob, str]:
        """Add a message to the store, and return it as stored, its job, and the id of the job."""
        actor = self.actors.get(message.actor_name)
        if not isinstance(actor, ActionActor):
            carrier = self._jobs.carriers.fields()
            if carrier is not None:
                message.options["carrier"] = carrier
            stored = super().enqueue(message, delay=delay)
            job = NewJob(stored.message_id, stored.queue_name, stored.actor_name, b"")
            return stored, job, job.id
        self.declare_queue(message.queue_name)
        job = self._action_job(actor, message, message_delay_ms(delay))
        stored = decode_stored(job)
        self.emit_before("enqueue", stored, delay)
        stored.options[ENQUEUED] = new_identifier()
        id = self.add_job(encode_stored(job, stored))
        # Another id is that of the job that has the same deduplication key.
        stored = stored if id == job.id else stored.copy(message_id=id)
        self.emit_after("enqueue", stored, delay)
        return stored, job, id

    def before_enqueue(self, job: NewJob) -> NewJob:
        """Emit the signal for a job of an action, and return it with the options of middleware."""
        message = decode_stored(job)
        if _is_patched(Actor.message_with_options):
            message.options.update(Actor.message_with_options(self.actors[job.action]).options)
        self.emit_before("enqueue", message, job.delay_ms or None)
        return encode_stored(job, message)

    def after_enqueue(self, job: NewJob) -> None:
        """Emit the signal for a job of an action that was added."""
        self.emit_after("enqueue", decode_stored(job), job.delay_ms or None)

    def _action_job(self, actor: ActionActor, message: Message[Any], delay_ms: int) -> NewJob:
        try:
            inputs = actor.inputs_of(message)
        except (DecryptionError, TypeError) as error:
            raise InvalidInput(str(error)) from error
        current = current_message.get()
        # Of a pipeline, every job has the user of the first.
        origin = message.options if current is None else current.options
        fields = JobMessageFields(
            id=message.message_id,
            request_id=origin.get("request_id"),
            user=origin.get("user"),
            grants=origin.get("grants"),
            carrier=origin.get("carrier"),
            options={
                name: value for name, value in message.options.items() if name not in _OWN_OPTIONS
            },
        )
        return self._jobs.create_from_message(
            actor.actor_name,
            inputs,
            timedelta(milliseconds=delay_ms),
            message.queue_name,
            message_priority(message.options),
            fields,
        )

    def add_job(self, job: NewJob) -> str:
        """Add a job of a message, in a transaction before its commit; see `JobBroker.add_job`."""
        id = self._enqueue_before_commit(job)
        if id is None:
            return super().add_job(job)
        if job.key is not None:
            # Of an earlier job with the key; if the store is away, the job is a row nevertheless.
            with contextlib.suppress(StoreUnavailable):
                return self.store.find_key(job.key) or id
        return id

    # -- running -------------------------------------------------------------------------------

    def _runner(self, name: str) -> Callable[..., Any]:
        def run(*_: Any, **__: Any) -> None:
            # With the inputs of the job, which are decrypted there.
            self._run_action(name)

        return run

    def _run_action(self, name: str) -> None:
        """Run an action, and wait for it in a thread.

        Its result and its error are noted in the message. dramatiq would warn of a result that no
        middleware stores, and log an error with its cause, which may contain a secret.

        Raises:
            RuntimeError: This process runs no jobs.
            SkipMessage: The job was cancelled.
        """
        message = current_message.get()
        if message is None or message.actor_name != name:
            raise RuntimeError(
                f"actor {name!r} is an action, and can be called by a worker only; use "
                "actor.send, or call the action in your application"
            )
        if self.execute is None or self.loop is None:
            raise RuntimeError("this process runs no jobs; start a worker")
        try:
            settlement, outcome = self.loop.run_coroutine(self.execute(message.claim))
        except CancelledError:
            if message.is_cancelled:
                message.settle_as_cancelled()
                raise SkipMessage(f"the job {message.claim.id} was cancelled") from None
            raise
        message.settlement = settlement
        message.error = outcome.error
        message.result = loads(settlement.result or b"null")


def _is_patched(function: Any) -> bool:
    """Return whether a package has replaced a function of dramatiq."""
    # A wrapper may imitate all attributes of the function.
    return type(function) is not FunctionType or not function.__code__.co_filename.startswith(
        _FOLDER
    )
