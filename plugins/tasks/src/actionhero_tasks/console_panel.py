"""The panel Jobs of the console: queues, jobs, dead letters, fan-outs and schedules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import Field, Inputs, InvalidInput, NotFound
from actionhero.transport import loads
from actionhero_console import Account, Change, Panel, PanelContext, panel_redirects
from actionhero_tasks.operations.job_views import views_of
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.tasks import Tasks
from actionhero_tasks.worker.scheduler import schedules_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from actionhero import Application

_ASSETS: Final = Path(__file__).parent / "assets"
#: The name of the panel in addresses.
NAME: Final = "jobs"
#: The operator whose password is `tasks.operator_password`.
OPERATOR: Final = "operator"
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


def jobs_panel(app: Application) -> Panel:
    """Return the panel."""
    job, queue = "job {id}", "queue {queue}"
    return Panel(
        NAME,
        "Jobs",
        order=30,
        reads={"overview": overview, "list": list_jobs, "job": read_job, "fan_out": read_fan_out},
        changes={
            "retry": Change(retry, target=job),
            "edit": Change(
                edit, target=job, facts=lambda inputs: _edit_facts(app, inputs)
            ),
            "discard": Change(
                discard, target=job,
                confirm="Discard this dead letter of {action}? It will never run again.",
            ),
            "cancel": Change(
                cancel, target=job,
                confirm="Cancel this job of {action}? {effect} This cannot be undone.",
            ),
            "retry_dead": Change(
                retry_dead, target="dead letters", confirm="Retry {n} {scope}?"
            ),
            "discard_dead": Change(
                discard_dead, target="dead letters",
                confirm="Discard {n} {scope}? They will never run again.",
            ),
            "pause": Change(
                pause, target=queue,
                confirm="Pause the queue {queue}? Its jobs wait until it is resumed.",
            ),
            "resume": Change(resume, target=queue),
            "run_schedule": Change(
                run_schedule, target="schedule {action}", confirm="Run {action} now?"
            ),
        },
        assets=_ASSETS,
    )  # fmt: skip


def accounts_for(app: Application) -> list[Account]:
    """Return the operator of `tasks.operator_password`, if it is set."""
    password = app.get(TasksSettings).operator_password
    if password is None:
        return []
    return [Account(OPERATOR, "admin", password=password.get_secret_value())]


def redirects_for(app: Application, path: str) -> list[web.AbstractRouteDef] | None:
    """Return the routes from the page of jobs to the panel; `None`: there is no console."""
    return panel_redirects(app, path, NAME)


async def overview(inputs: OverviewInputs, context: PanelContext) -> dict[str, Any]:
    """Return the counts of queues, workers, schedules, and samples of the counts."""
    return await views_of(context.app).overview.snapshot(inputs.since)


async def list_jobs(inputs: ListInputs, context: PanelContext) -> dict[str, Any]:
    """Return a page of jobs, or those that match a text."""
    views, queue = views_of(context.app), inputs.queue or None
    if inputs.search:
        return await views.search(inputs.search, inputs.state, queue, PAGE_SIZE)
    return await views.jobs(inputs.state, queue, inputs.before, PAGE_SIZE)


async def read_job(inputs: JobInputs, context: PanelContext) -> dict[str, Any]:
    """Return the details of a job."""
    return await views_of(context.app).job(inputs.id)


async def read_fan_out(inputs: FanOutInputs, context: PanelContext) -> dict[str, Any]:
    """Return a fan-out, and a page of its jobs."""
    return await views_of(context.app).fan_out(inputs.id, inputs.after, PAGE_SIZE)


async def retry(inputs: JobInputs, context: PanelContext) -> dict[str, str]:
    """Retry a dead letter."""
    await views_of(context.app).change("retry", inputs.id)
    return {"id": inputs.id}


async def edit(inputs: EditInputs, context: PanelContext) -> dict[str, str]:
    """Retry a dead letter with other inputs."""
    await views_of(context.app).retry_with_inputs(inputs.id, inputs.action, _new_inputs(inputs))
    return {"id": inputs.id}


async def discard(inputs: JobInputs, context: PanelContext) -> dict[str, str]:
    """Discard a dead letter."""
    await views_of(context.app).change("discard", inputs.id)
    return {"id": inputs.id}


async def cancel(inputs: JobInputs, context: PanelContext) -> dict[str, str]:
    """Cancel a job that has not ended."""
    await views_of(context.app).change("cancel", inputs.id)
    return {"id": inputs.id}


async def retry_dead(inputs: BatchInputs, context: PanelContext) -> dict[str, Any]:
    """Retry a batch of dead letters."""
    return await views_of(context.app).change_dead("retry", inputs.queue, inputs.before)


async def discard_dead(inputs: BatchInputs, context: PanelContext) -> dict[str, Any]:
    """Discard a batch of dead letters."""
    return await views_of(context.app).change_dead("discard", inputs.queue, inputs.before)


async def pause(inputs: QueueInputs, context: PanelContext) -> dict[str, bool]:
    """Pause a queue."""
    return {"changed": await views_of(context.app).set_paused(inputs.queue, paused=True)}


async def resume(inputs: QueueInputs, context: PanelContext) -> dict[str, bool]:
    """Resume a queue."""
    return {"changed": await views_of(context.app).set_paused(inputs.queue, paused=False)}


async def run_schedule(inputs: ScheduleInputs, context: PanelContext) -> dict[str, str]:
    """Enqueue a recurring action now, in addition to its times."""
    for schedule in schedules_of(context.app):
        if schedule.name == inputs.action:
            return {"id": await context.app.get(Tasks).enqueue_recurring(schedule.action)}
    raise NotFound("There is no such schedule", key="action")


def _edit_facts(app: Application, inputs: EditInputs) -> Mapping[str, Any]:
    values = _new_inputs(inputs)
    if inputs.action not in app.actions:
        return {"inputs": sorted(values)}
    return {"inputs": app.actions.find(inputs.action).inputs.redact_payload(values)}


def _new_inputs(inputs: EditInputs) -> dict[str, Any]:
    values = loads(inputs.inputs.encode())
    if not isinstance(values, dict):
        raise InvalidInput("the inputs must be a JSON object", key="inputs")
    return values
