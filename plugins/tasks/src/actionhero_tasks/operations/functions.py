"""`JobFunctions`: the queries and the changes of the panel of jobs, with their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import Field, Inputs, InvalidInput, NotFound
from actionhero.transport import loads
from actionhero_tasks.operations.job_views import JobViews, views_of
from actionhero_tasks.tasks import Tasks
from actionhero_tasks.worker.scheduler import schedules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application

#: The name of the panel in addresses, and its title.
NAME: Final = "jobs"
TITLE: Final = "Jobs"
#: The folder of its scripts.
PANEL_ASSETS: Final = Path(__file__).parents[1] / "assets"
#: The number of jobs on a page of a list.
PAGE_SIZE: Final = 100
#: The largest number of a job in a store.
_MAX_SEQ: Final = 2**63 - 1


class OverviewInputs(Inputs):
    """The last sample that the client has."""

    #: Its time, by the clock of the store.
    since: int = Field(default=0, ge=0, le=_MAX_SEQ)


class ListInputs(Inputs):
    """A page of a list."""

    #: Empty: all states, with `search`.
    state: str = Field(default="", max_length=20)
    #: Empty: all queues.
    queue: str = Field(default="", max_length=1000)
    search: str = Field(default="", max_length=200)
    #: The value `next` of the previous page.
    before: int | None = Field(default=None, ge=-_MAX_SEQ, le=_MAX_SEQ)


class JobInputs(Inputs):
    """A job, or a fan-out."""

    id: str = Field(max_length=200)


class FanOutInputs(JobInputs):
    """A page of the jobs of a fan-out."""

    #: The value `next` of the previous page.
    after: int = Field(default=0, ge=0, le=_MAX_SEQ)


class EditInputs(JobInputs):
    """A dead letter, and its new inputs."""

    #: The action of the job, by which the secrets are redacted in the audit log.
    action: str = Field(max_length=200)
    #: As JSON text: a page rounds large numbers.
    inputs: str = Field(max_length=1_000_000)


class BatchInputs(Inputs):
    """A batch of dead letters."""

    #: `None`: of all queues.
    queue: str | None = Field(default=None, max_length=1000)
    #: The value `next` of the previous batch.
    before: int | None = Field(default=None, ge=-_MAX_SEQ, le=_MAX_SEQ)


class QueueInputs(Inputs):
    """A queue."""

    queue: str = Field(min_length=1, max_length=1000)


class ScheduleInputs(Inputs):
    """A schedule."""

    action: str = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class JobChange:
    """A change, the question to confirm it, and the changed object, as in the console."""

    run: Callable[..., Any]
    target: str
    confirm: str = ""
    facts: Callable[[Any], Mapping[str, Any]] | None = None


class JobFunctions:
    """The functions of the panel.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        #: The queries by name.
        self.reads: Final[Mapping[str, Callable[..., Any]]] = {
            "overview": self.overview,
            "list": self.list_jobs,
            "job": self.read_job,
            "fan_out": self.read_fan_out,
        }
        job, queue, dead = "job {id}", "queue {queue}", "dead letters"
        #: The changes by name.
        self.changes: Final[Mapping[str, JobChange]] = {
            "retry": JobChange(self.retry, job),
            "edit": JobChange(self.edit, job, facts=self._edit_facts),
            "discard": JobChange(
                self.discard, job, "Discard this dead letter of {action}? It will never run again."
            ),
            "cancel": JobChange(
                self.cancel, job, "Cancel this job of {action}? {effect} This cannot be undone."
            ),
            "retry_dead": JobChange(self.retry_dead, dead, "Retry {n} {scope}?"),
            "discard_dead": JobChange(
                self.discard_dead, dead, "Discard {n} {scope}? They will never run again."
            ),
            "pause": JobChange(
                self.pause, queue, "Pause the queue {queue}? Its jobs wait until it is resumed."
            ),
            "resume": JobChange(self.resume, queue),
            "run_schedule": JobChange(self.run_schedule, "schedule {action}", "Run {action} now?"),
        }

    @property
    def _views(self) -> JobViews:
        return views_of(self._app)

    async def overview(self, inputs: OverviewInputs) -> dict[str, Any]:
        """Return the counts of queues, workers, schedules, and samples of the counts."""
        return await self._views.overview.snapshot(inputs.since)

    async def list_jobs(self, inputs: ListInputs) -> dict[str, Any]:
        """Return a page of jobs, or those that match a text."""
        queue = inputs.queue or None
        if inputs.search:
            return await self._views.search(inputs.search, inputs.state, queue, PAGE_SIZE)
        return await self._views.jobs(inputs.state, queue, inputs.before, PAGE_SIZE)

    async def read_job(self, inputs: JobInputs) -> dict[str, Any]:
        """Return the details of a job."""
        return await self._views.job(inputs.id)

    async def read_fan_out(self, inputs: FanOutInputs) -> dict[str, Any]:
        """Return a fan-out, and a page of its jobs."""
        return await self._views.fan_out(inputs.id, inputs.after, PAGE_SIZE)

    async def retry(self, inputs: JobInputs) -> dict[str, Any]:
        """Retry a dead letter."""
        return await self._change("retry", inputs)

    async def edit(self, inputs: EditInputs) -> dict[str, str]:
        """Retry a dead letter with other inputs."""
        await self._views.retry_with_inputs(inputs.id, inputs.action, _new_inputs(inputs))
        return {"id": inputs.id}

    async def discard(self, inputs: JobInputs) -> dict[str, Any]:
        """Discard a dead letter."""
        return await self._change("discard", inputs)

    async def cancel(self, inputs: JobInputs) -> dict[str, Any]:
        """Cancel a job that has not ended."""
        return await self._change("cancel", inputs)

    async def retry_dead(self, inputs: BatchInputs) -> dict[str, Any]:
        """Retry a batch of dead letters."""
        return await self._views.change_dead("retry", inputs.queue, inputs.before)

    async def discard_dead(self, inputs: BatchInputs) -> dict[str, Any]:
        """Discard a batch of dead letters."""
        return await self._views.change_dead("discard", inputs.queue, inputs.before)

    async def pause(self, inputs: QueueInputs) -> dict[str, bool]:
        """Pause a queue."""
        return {"changed": await self._views.set_paused(inputs.queue, paused=True)}

    async def resume(self, inputs: QueueInputs) -> dict[str, bool]:
        """Resume a queue."""
        return {"changed": await self._views.set_paused(inputs.queue, paused=False)}

    async def run_schedule(self, inputs: ScheduleInputs) -> dict[str, str]:
        """Enqueue a recurring action now, in addition to its times."""
        for schedule in schedules_of(self._app):
            if schedule.name == inputs.action:
                return {"id": await self._app.get(Tasks).enqueue_recurring(schedule.action)}
        raise NotFound("There is no such schedule", key="action")

    async def _change(self, operation: str, inputs: JobInputs) -> dict[str, str]:
        await self._views.change(operation, inputs.id)
        return {"id": inputs.id}

    def _edit_facts(self, inputs: EditInputs) -> Mapping[str, Any]:
        values = _new_inputs(inputs)
        if inputs.action not in self._app.actions:
            return {"inputs": sorted(values)}
        return {"inputs": self._app.actions.find(inputs.action).inputs.redact_payload(values)}


def _new_inputs(inputs: EditInputs) -> dict[str, Any]:
    values = loads(inputs.inputs.encode())
    if not isinstance(values, dict):
        raise InvalidInput("the inputs must be a JSON object", key="inputs")
    return values
