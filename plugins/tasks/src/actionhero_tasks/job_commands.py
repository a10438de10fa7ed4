"""`actionhero job …`: what became of one job."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import click

from actionhero.cli import EXIT_FAILED, format_option, write_json, write_rows
from actionhero_tasks.command_line import ask_store, load_app
from actionhero_tasks.job import JobState
from actionhero_tasks.reports import Job, job_of
from actionhero_tasks.tasks import ENDED, LOOK_SECONDS

if TYPE_CHECKING:
    from actionhero.cli import CommandContext
    from actionhero_tasks.job import JobRecord
    from actionhero_tasks.store import JobStore


#: In how many parts a bar moves.
_PARTS: Final = 1000


@click.group(short_help="Look at a job: its status, progress, result.")
def job() -> None:
    """Look at a job, by the id that it got when it was enqueued."""


@job.command()
@click.argument("id")
@format_option
@click.pass_obj
def status(context: CommandContext, id: str, format_: str) -> None:
    """Tell how far a job has come. Exits 1 if there is none of that id."""
    found = _find(context, id)
    told = {
        "id": found.id,
        "action": found.action,
        "queue": found.queue,
        "state": found.state,
        "inputs": found.inputs,
        "attempts": found.attempts,
        "progress": found.progress,
        "progress_total": found.progress_total,
        "error": found.error,
        "created": found.created,
        "due": found.due,
        "started": found.started,
        "ended": found.ended,
    }
    if format_ == "json":
        write_json(told)
        return
    rows = [
        {"name": name, "value": value.isoformat() if hasattr(value, "isoformat") else value}
        for name, value in told.items()
        if value is not None
    ]
    write_rows(rows, {"name": "Name", "value": "Value"}, format_)


@job.command()
@click.argument("id")
@click.option(
    "--wait", type=float, default=0.0, metavar="SECONDS", help="How long to wait for its end."
)
@click.pass_obj
def result(context: CommandContext, id: str, wait: float) -> None:
    """Print what the action returned, as JSON.

    Exits 1 if the job has not ended, has failed, or is not there; stderr says which.
    """
    found = _find(context, id, wait)
    if found.state is JobState.DONE:
        write_json(found.result)
        return
    if found.error is not None and found.state is JobState.DEAD:
        _refuse(f"job {id} has failed: {found.error.get('message')}")
    _refuse(f"job {id} has no result: it is {found.state}")


@job.command()
@click.argument("id")
@click.pass_obj
def progress(context: CommandContext, id: str) -> None:
    """Print how far a job is, as JSON: what its action told of itself."""
    found = _find(context, id)
    told: dict[str, Any] = {
        "state": found.state,
        "done": found.progress,
        "total": found.progress_total,
    }
    write_json(told)


@job.command()
@click.argument("id")
@click.pass_obj
def cancel(context: CommandContext, id: str) -> None:
    """Let a job that has not begun never begin. Exits 1 if it has."""
    app = load_app(context)
    if not ask_store(app, lambda store: store.cancel(id)):
        _refuse(f"job {id} cannot be cancelled: it has begun, has ended, or is not there")


def _find(context: CommandContext, id: str, wait_seconds: float = 0.0) -> Job:
    deadline = time.monotonic() + wait_seconds

    def look(store: JobStore) -> JobRecord | None:
        record = store.find(id)
        with _Bar() as bar:
            while record is not None and record.state not in ENDED and time.monotonic() < deadline:
                bar.show(record)
                time.sleep(LOOK_SECONDS)
                record = store.find(id)
        return record

    record = ask_store(load_app(context), look)
    if record is None:
        _refuse(f"there is no job {id!r}; it was never enqueued here, or ended too long ago")
    return job_of(record)


def _refuse(reason: str) -> NoReturn:
    click.echo(reason, err=True)
    sys.exit(EXIT_FAILED)


class _Bar:
    """Shows on a terminal how far a job is that tells it, as long as a `with` block runs."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def show(self, record: JobRecord) -> None:
        """Show what a job told last."""
        if not record.progress_total or record.progress is None or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=_PARTS, file=sys.stderr, label=record.action, show_eta=False
            )
        self._bar.update(int(record.progress / record.progress_total * _PARTS) - self._bar.pos)
