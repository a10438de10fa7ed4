"""`JobRunner`: one job through the corridor, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from actionhero import ActionNotFound, Connection, Outcome, ServiceUnavailable, Session, TypedError
from actionhero.transport import encode, new_identifier
from actionhero_tasks.envelope import Envelope, UndecodableJob, describe
from actionhero_tasks.job import Ending, Settlement
from actionhero_tasks.retries import RetryPlan, retry_decision
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.task import task_of
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_tasks.job import Claim
    from actionhero_tasks.middleware_adapter import DramatiqMiddlewareAdapter

logger = logging.getLogger("actionhero.tasks")


class JobConnection(Connection):
    """Who calls, if it is a job.

    Args:
        claim: The job; also `connection.raw`.
        on_progress: Told when the action tells how far it is.
    """

    __slots__ = ("_on_progress",)

    def __init__(
        self, claim: Claim, on_progress: Callable[[Claim, float, float | None], None]
    ) -> None:
        super().__init__("task", id=claim.id, raw=claim)
        self._on_progress = on_progress

    def progress(self, done: float, total: float | None = None) -> None:
        """Note how far the job is, for whoever asks."""
        self._on_progress(self.raw, done, total)


class _Plan:
    """All that can be worked out once for the jobs of an action."""

    __slots__ = ("limit_seconds", "retry")

    def __init__(self, action: RegisteredAction, settings: TasksSettings) -> None:
        task = task_of(action)
        limit = task.time_limit
        self.limit_seconds = None if limit is None else limit.total_seconds()
        backoff = settings.backoff if task.backoff is None else task.backoff
        self.retry = RetryPlan(
            retries=settings.retries if task.retries is None else task.retries,
            backoff_ms=int(backoff.total_seconds() * 1000),
            limit_ms=int(settings.max_backoff.total_seconds() * 1000),
        )


class JobRunner:
    """Brings jobs to the actions of an application.

    Args:
        app: The application.
        on_progress: Told when an action tells how far it is.
        signals: Tells middleware of dramatiq, if there is any.
    """

    def __init__(
        self,
        app: Application,
        on_progress: Callable[[Claim, float, float | None], None],
        signals: DramatiqMiddlewareAdapter | None = None,
    ) -> None:
        self._signals = signals
        self._pipeline = app.pipeline
        self._settings = app.get(TasksSettings)
        self._seal = app.get(Tasks).seal
        self._on_progress = on_progress
        self._plans = {action.name: _Plan(action, self._settings) for action in app.actions}
        self._actions = app.actions

    async def run(self, claim: Claim) -> Settlement:
        """Run a job, and return what becomes of it.

        Raises:
            asyncio.CancelledError: We stop; the job did not get to its end.
        """
        if self._signals is None:
            settlement, _ = await self._run(claim)
            return settlement
        message = self._signals.begin(claim)
        if message is None:
            logger.info("job %s was skipped by a middleware of dramatiq", claim.id)
            return Settlement(claim.id, claim.token, Ending.DONE, result=b"null")
        try:
            settlement, outcome = await self._run(claim)
        except asyncio.CancelledError as error:
            self._signals.end(message, None, error)
            raise
        self._signals.end(message, outcome.value, outcome.error)
        return settlement

    async def _run(self, claim: Claim) -> tuple[Settlement, Outcome]:
        plan = self._plans.get(claim.action)
        try:
            if plan is None:
                # In the words of every other door.
                self._actions.find(claim.action)
            envelope = Envelope.read(claim.body)
            raw = envelope.raw(self._seal, claim.id)
        except ActionNotFound as error:
            return self._poison(claim, error), Outcome(error=error)
        except UndecodableJob as failure:
            unread = TypedError(f"the job cannot be read: {failure}")
            return self._poison(claim, unread), Outcome(error=unread)
        assert plan is not None  # noqa: S101 - the action was found
        user = envelope.user
        session = Session(values={} if user is None else {self._settings.user_key: user})
        request_id = envelope.request_id or new_identifier()
        try:
            outcome = await self._pipeline.execute(
                JobConnection(claim, self._on_progress),
                claim.action,
                raw,
                request_id=request_id,
                session=session,
                limit_seconds=plan.limit_seconds,
            )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The action cancelled itself; nobody else knows why.
            cancelled = ServiceUnavailable("The call was cancelled")
            outcome = Outcome(error=cancelled)
        return self._settle(claim, outcome, plan), outcome

    def _settle(self, claim: Claim, outcome: Outcome, plan: _Plan) -> Settlement:
        if outcome.error is None:
            try:
                result = encode(outcome.value)
            except TypeError as failure:
                outcome = self._pipeline.failed_to_answer(claim.action, failure)
            else:
                return Settlement(claim.id, claim.token, Ending.DONE, result=result)
        assert outcome.error is not None  # noqa: S101 - else we are back already
        settlement = retry_decision(claim, outcome.error, plan.retry)
        if settlement.ending is Ending.DEAD:
            logger.error(
                "job %s of %r has failed for good: %s",
                claim.id,
                claim.action,
                outcome.error.message,
                extra={"job": claim.id},
            )
        return settlement

    def _poison(self, claim: Claim, error: TypedError) -> Settlement:
        logger.error("job %s goes to the dead letters: %s", claim.id, error.message)
        return Settlement(claim.id, claim.token, Ending.DEAD, error=describe(error))
