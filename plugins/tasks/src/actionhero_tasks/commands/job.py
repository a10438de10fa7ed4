"""`actionhero job …`: shows the status, progress and result of a job, and cancels it."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import click

from actionhero import BootError, ServiceUnavailable, UnavailableError
from actionhero.cli import (
    EXIT_FAILED,
    audited,
    escape,
    format_option,
    reserve_stdout,
    write_json,
    write_rows,
)
from actionhero.settings import LoggerSettings
from actionhero.transport import run_interruptible
from actionhero_tasks.commands.store_access import use_store
from actionhero_tasks.job import JobState
from actionhero_tasks.reports import Job, job_of
from actionhero_tasks.tasks import FINAL_STATES, POLL_SECONDS, Tasks

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.cli import CommandContext
    from actionhero_tasks.job import JobRecord
    from actionhero_tasks.stores.inspection import JobInspection


#: The length of the progress bar.
_BAR_LENGTH: Final = 1000


@click.group(short_help="Show the status, progress or result of a job.")
def job() -> None:
    """Show or cancel a job, by the id that `enqueue` printed."""


@job.command()
@click.argument("id")
@format_option
@click.pass_obj
def status(context: CommandContext, id: str, format_: str) -> None:
    """Show the status of a job, and how to find its log lines. Exits 1 if it does not exist."""
    app = context.load_app()
    job = _find(app, id)
    values = {
        "id": job.id,
        "action": job.action,
        "queue": job.queue,
        "state": "cancelling" if job.is_cancelling else job.state,
        "inputs": job.inputs,
        "attempts": job.attempts,
        "progress": job.progress,
        "progress_total": job.progress_total,
        "error": job.error,
        "created": job.created,
        "due": job.due,
        "started": job.started,
        "ended": job.ended,
        "log": _log_text(app, job.id),
    }
    if format_ == "json":
        write_json(values)
        return
    rows = [
        {"name": name, "value": value.isoformat() if hasattr(value, "isoformat") else value}
        for name, value in values.items()
        if value is not None
    ]
    write_rows(rows, {"name": "Name", "value": "Value"}, format_)


@job.command()
@click.argument("id")
@click.option(
    "--wait",
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for the end of the job.",
)
@click.pass_obj
def result(context: CommandContext, id: str, wait: float) -> None:
    """Print the return value of the action, as JSON.

    Exits 1 if the job has not ended, has failed, or does not exist, with a message on stderr.
    """
    job = _find(context.load_app(), id, wait)
    if job.state is JobState.DONE:
        write_json(job.result)
        return
    if job.error is not None and job.state is JobState.DEAD:
        _fail(f"job {id} has failed: {job.error.get('message')}")
    _fail(f"job {id} has no result: it is {job.state}")


@job.command()
@click.argument("id")
@click.pass_obj
def progress(context: CommandContext, id: str) -> None:
    """Print the progress that the action has reported, as JSON."""
    job = _find(context.load_app(), id)
    values: dict[str, Any] = {
        "state": job.state,
        "done": job.progress,
        "total": job.progress_total,
    }
    write_json(values)


@job.command()
@click.argument("id")
@click.option(
    "--wait",
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for the end of a running job.",
)
@click.pass_obj
def cancel(context: CommandContext, id: str, wait: float) -> None:
    """Cancel a job, and print its state: cancelled, or running if its worker has to cancel it.

    A worker cancels a running job within about a second. Exits 1 if the job has ended, or does not
    exist.
    """
    app = context.load_app()
    with audited(app, context, "tasks.cancel", {"jobs": [id]}) as facts:
        is_cancelled = facts["count"] = int(_cancel(app, id))
    if not is_cancelled:
        # Reports a job that does not exist.
        state = _find(app, id).state
        _fail(f"job {id} cannot be cancelled, as it has ended: it is {state}")
    try:
        state = _find(app, id, wait).state
    except UnavailableError:
        # It was in the outbox, and is deleted.
        state = JobState.CANCELLED
    click.echo(str(state))


def _cancel(app: Application, id: str) -> bool:
    """Cancel a job, and return whether it had not ended.

    Raises:
        UnavailableError: The store cannot be reached, and no database has the job.
    """

    def cancel(store: JobInspection) -> bool | None:
        """Cancel the job; `None`: the store does not have it."""
        return store.cancel(id) or (None if store.find(id) is None else False)

    unavailable: UnavailableError | None = None
    cancelled: bool | None = None
    try:
        cancelled = use_store(app, cancel)
    except UnavailableError as error:
        unavailable = error
    if cancelled is None:
        # A job of a transaction may be in the outbox of the database still.
        ignored = (ServiceUnavailable,) if unavailable is None else (ServiceUnavailable, BootError)
        with reserve_stdout(), contextlib.suppress(*ignored):
            return run_interruptible(_cancel_in_database(app, id))
    if unavailable is not None:
        raise unavailable
    return bool(cancelled)


async def _cancel_in_database(app: Application, id: str) -> bool:
    await app.start()
    try:
        return await app.get(Tasks).cancel(id)
    finally:
        await app.stop()


def _find(app: Application, id: str, wait_seconds: float = 0.0) -> Job:
    deadline = time.monotonic() + wait_seconds

    def find(store: JobInspection) -> JobRecord | None:
        record = store.find(id)
        with _Bar() as bar:
            while (
                record is not None
                and record.state not in FINAL_STATES
                and time.monotonic() < deadline
            ):
                bar.show(record)
                time.sleep(POLL_SECONDS)
                record = store.find(id)
        return record

    record = use_store(app, find)
    if record is None:
        _fail(f"unknown job {id!r}; it was not enqueued here, or its result has expired")
    return job_of(record)


def _log_text(app: Application, id: str) -> str:
    """Return a text that all log lines of a job contain."""
    format_ = app.get(LoggerSettings).resolve_format(app.environment, is_terminal=False)
    return f'"job":"{id}"' if format_ == "json" else f"job={id}"


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {escape(message)}", err=True)
    sys.exit(EXIT_FAILED)


class _Bar:
    """A progress bar on a terminal, for a job that reports its progress; a context manager."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def show(self, record: JobRecord) -> None:
        """Show the last progress of a job."""
        if not record.progress_total or record.progress is None or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=_BAR_LENGTH, file=sys.stderr, label=record.action, show_eta=False
            )
        self._bar.update(int(record.progress / record.progress_total * _BAR_LENGTH) - self._bar.pos)
