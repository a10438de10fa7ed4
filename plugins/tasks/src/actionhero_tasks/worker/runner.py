"""`JobRunner`: runs a job through the pipeline, and decides how it is settled."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from actionhero import ActionNotFound, Connection, Outcome, ServiceUnavailable, Session, TypedError
from actionhero.transport import (
    dumps_escaped,
    encode_outcome,
    has_lone_surrogate,
    new_identifier,
)
from actionhero_tasks.envelope import Envelope, UndecodableJob, carrier_in, encode_error
from actionhero_tasks.job import Settlement, SettlementKind
from actionhero_tasks.job_principal import principal_of
from actionhero_tasks.job_questions import JobQuestions
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.task import Task, task_of
from actionhero_tasks.tasks import Tasks
from actionhero_tasks.worker.retries import RetryPolicy, retry_decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Answer, Application
    from actionhero_tasks.job import Claim

logger = logging.getLogger("actionhero.tasks")

#: U+FFFD, with which the encoder replaces lone surrogates.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


class JobConnection(Connection):
    """The connection of a job.

    Args:
        claim: The claim of the job; also `connection.raw`.
        on_progress: Called with the arguments of `call.progress`.
        questions: Asks the user; `None`: nothing can.
    """

    __slots__ = ("_asked", "_claim", "_on_progress", "_questions")

    def __init__(
        self,
        claim: Claim,
        on_progress: Callable[[Claim, float, float | None], None],
        questions: JobQuestions | None,
    ) -> None:
        super().__init__("task", id=claim.id, raw=claim)
        self._claim = claim
        self._on_progress = on_progress
        self._questions = questions
        self._asked = 0

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report the progress of the job; the message is not stored."""
        self._on_progress(self._claim, float(done), None if total is None else float(total))

    async def ask(self, question: str, type_: Any, *, key: str | None = None) -> Answer[Any]:
        """Ask the user of the job, if a plugin can; see `Call.ask`."""
        if self._questions is None:
            return await super().ask(question, type_, key=key)
        self._asked += 1
        key = key or f"input-{self._asked}"
        return await self._questions.ask(self._claim.id, question, type_, key=key)


class _JobPolicy:
    """The time limit and the retry policy of an action's jobs, computed once."""

    __slots__ = ("limit_seconds", "retry")

    def __init__(self, task: Task, settings: TasksSettings) -> None:
        limit = task.time_limit
        self.limit_seconds = None if limit is None else limit.total_seconds()
        backoff = settings.backoff if task.backoff is None else task.backoff
        self.retry = RetryPolicy(
            retries=settings.retries if task.retries is None else task.retries,
            backoff_seconds=backoff.total_seconds(),
            max_backoff_seconds=settings.max_backoff.total_seconds(),
        )


class JobRunner:
    """Runs jobs as calls of an application's actions.

    Args:
        app: The application.
        on_progress: Called when an action reports its progress.
    """

    def __init__(
        self,
        app: Application,
        on_progress: Callable[[Claim, float, float | None], None],
    ) -> None:
        self._pipeline = app.pipeline
        self._settings = app.get(TasksSettings)
        self._encryption = app.get(Tasks).encryption
        self._on_progress = on_progress
        self._policies = {
            action.name: _JobPolicy(task_of(action), self._settings) for action in app.actions
        }
        self._default_policy = _JobPolicy(Task(), self._settings)
        self._actions = app.actions
        self._observers = app.get(Tasks).observers
        questions = app.plugins.collect("actionhero_tasks_questions", JobQuestions, app=app)
        self._questions: JobQuestions | None = next((item for _, item in questions), None)

    async def run(self, claim: Claim) -> Settlement:
        """Run a job, and return its settlement.

        Raises:
            asyncio.CancelledError: The worker stops, and the job was interrupted.
        """
        settlement, _ = await self.execute(claim)
        return settlement

    async def execute(self, claim: Claim) -> tuple[Settlement, Outcome]:
        """Run a job, and return its settlement, and the outcome of the call.

        Raises:
            asyncio.CancelledError: The worker stops, and the job was interrupted.
        """
        observers = self._observers
        if observers is None:
            return await self._execute(claim)
        marks = observers.began(claim, carrier_in(claim.body))
        settlement = None
        try:
            settlement, outcome = await self._execute(claim)
        finally:
            observers.ended(claim, settlement, marks)
        return settlement, outcome

    async def _execute(self, claim: Claim) -> tuple[Settlement, Outcome]:
        policy = self._policies.get(claim.action)
        try:
            if policy is None:
                # Raises `ActionNotFound` with the message of every transport.
                self._actions.find(claim.action)
            envelope = Envelope.read(claim.body)
            payload = envelope.payload(self._encryption, claim.id)
            connection = JobConnection(claim, self._on_progress, self._questions)
            connection.principal = principal_of(envelope.user, envelope.grants)
        except ActionNotFound as error:
            return self._dead_letter(claim, error), Outcome(error=error)
        except (UndecodableJob, ValueError) as failure:
            undecodable = TypedError(f"the job cannot be decoded: {failure}")
            return self._dead_letter(claim, undecodable), Outcome(error=undecodable)
        assert policy is not None  # noqa: S101 - the action exists
        user = envelope.user
        session = Session(values={} if user is None else {self._settings.user_key: user})
        request_id = envelope.request_id or new_identifier()
        try:
            outcome = await self._pipeline.execute(
                connection,
                claim.action,
                payload,
                request_id=request_id,
                session=session,
                limit_seconds=policy.limit_seconds,
                carrier=envelope.carrier,
            )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The action cancelled itself.
            cancelled = ServiceUnavailable("The call was cancelled")
            outcome = Outcome(error=cancelled)
        return self._settle(claim, outcome, policy, request_id)

    def fail(self, claim: Claim, error: BaseException) -> Settlement:
        """Return the settlement of a job that failed outside of its call."""
        outcome = self._pipeline.error_outcome(f"job {claim.id} of {claim.action!r}", error)
        policy = self._policies.get(claim.action, self._default_policy)
        settlement, _ = self._settle(claim, outcome, policy)
        return settlement

    def _settle(
        self, claim: Claim, outcome: Outcome, policy: _JobPolicy, request_id: str | None = None
    ) -> tuple[Settlement, Outcome]:
        retry = policy.retry
        if outcome.error is None:
            try:
                result = encode_outcome(outcome)
            except BaseException as failure:  # noqa: BLE001 - the author's serializers
                outcome = self._pipeline.encoding_error_outcome(claim.action, failure)
                # The action has done its work; a retry would do it again.
                retry = dataclasses.replace(retry, retries=0)
            else:
                if REPLACEMENT in result and has_lone_surrogate(outcome.value):
                    # As it is: whether it can be written depends on the reader.
                    with contextlib.suppress(TypeError, ValueError):
                        result = dumps_escaped(outcome.value)
                done = Settlement(claim.id, claim.token, SettlementKind.DONE, result=result)
                return done, outcome
        assert outcome.error is not None  # noqa: S101 - a success has returned
        settlement = retry_decision(claim, outcome.error, retry)
        if settlement.kind is SettlementKind.DEAD:
            logger.error(
                "job %s of %r has failed permanently: %s",
                claim.id,
                claim.action,
                outcome.error.message,
            )
            self._report(claim, outcome.error, request_id)
        else:
            logger.warning(
                "job %s of %r has failed, attempt %d of %d: %s; it is retried in %.3g s",
                claim.id,
                claim.action,
                claim.attempts + 1,
                retry.retries + 1,
                outcome.error.message,
                settlement.delay_ms / 1000,
            )
        return settlement, outcome

    def _dead_letter(self, claim: Claim, error: TypedError) -> Settlement:
        logger.error("job %s is dead-lettered: %s", claim.id, error.message)
        self._report(claim, error)
        return Settlement(claim.id, claim.token, SettlementKind.DEAD, error=encode_error(error))

    def _report(self, claim: Claim, error: TypedError, request_id: str | None = None) -> None:
        """Report the error of a dead job, which has no client. That of its call is reported."""
        self._pipeline.report_exception(
            error,
            f"job {claim.id} of {claim.action!r}",
            action=claim.action,
            transport="task",
            request_id=request_id,
        )
