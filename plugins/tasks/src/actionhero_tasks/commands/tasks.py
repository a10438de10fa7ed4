"""`actionhero tasks …`: shows queues, workers and schedules, and manages dead letters."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from actionhero.cli import audited, format_option, write_json, write_rows
from actionhero_tasks.commands.pausing import pause, resume
from actionhero_tasks.commands.store_access import use_store
from actionhero_tasks.dramatiq.global_broker import declarations, is_imported
from actionhero_tasks.job import JobState, QueueCounts
from actionhero_tasks.reports import job_of
from actionhero_tasks.worker.scheduler import schedules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from actionhero import Application
    from actionhero.cli import CommandContext
    from actionhero_tasks.stores.inspection import JobInspection


#: The number of dead letters from which on a progress bar is shown.
_PROGRESS_BAR_MIN: Final = 100
_QUEUES: Final = {
    "queue": "Queue",
    "ready": "Ready",
    "running": "Running",
    "delayed": "Delayed",
    "retrying": "Retrying",
    "dead": "Dead",
    "oldest_seconds": "Oldest (s)",
}
_WORKERS: Final = {"worker": "Worker", "running": "Running"}
_SCHEDULES: Final = {
    "action": "Action",
    "every_seconds": "Every (s)",
    "cron": "Cron",
    "timezone": "Time zone",
    "next": "Next",
}
_ACTORS: Final = {"actor": "Actor", "queue": "Queue", "priority": "Priority", "options": "Options"}


@click.group(
    invoke_without_command=True, short_help="Show queues, workers, schedules and dead letters."
)
@format_option
@click.pass_context
def tasks(context: click.Context, format_: str) -> None:
    """Show queues, workers, schedules and actors of dramatiq; or manage dead letters."""
    if context.invoked_subcommand is not None:
        return
    app = context.obj.load_app()
    counts, paused, loads, now = use_store(
        app,
        lambda store: (
            store.counts(),
            store.paused_queues(),
            store.worker_loads(),
            store.now_ms(),
        ),
    )
    columns_of_queues = {**_QUEUES, "paused": "Paused"} if paused else _QUEUES
    listings = [
        ("queues", _queue_rows(counts, paused), columns_of_queues),
        ("workers", _worker_rows(loads), _WORKERS),
        ("schedules", _schedule_rows(app, now), _SCHEDULES),
        ("actors", _actor_rows(), _ACTORS),
    ]
    if format_ == "json":
        write_json({name: rows for name, rows, _ in listings})
        return
    for number, (name, rows, columns) in enumerate(listings):
        if number:
            click.echo()
        if rows:
            write_rows(rows, columns, format_)
        else:
            click.echo(f"no {name}")


tasks.add_command(pause)
tasks.add_command(resume)


@tasks.command()
@format_option
@click.pass_obj
def workers(context: CommandContext, format_: str) -> None:
    """List the live workers, and how many jobs each runs."""
    loads = use_store(context.load_app(), lambda store: store.worker_loads())
    write_rows(_worker_rows(loads), _WORKERS, format_)


@tasks.command()
@format_option
@click.pass_obj
def schedules(context: CommandContext, format_: str) -> None:
    """List the recurring actions, and when each is due next."""
    app = context.load_app()
    now = use_store(app, lambda store: store.now_ms())
    write_rows(_schedule_rows(app, now), _SCHEDULES, format_)


@tasks.command()
@click.option("--queue", help="Only of this queue.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="How many."
)
@format_option
@click.pass_obj
def dead(context: CommandContext, queue: str | None, limit: int, format_: str) -> None:
    """List the dead letters: jobs that have failed permanently, the newest first."""
    app = context.load_app()
    records = use_store(app, lambda store: store.jobs(JobState.DEAD, queue, limit=limit))
    rows: list[dict[str, Any]] = []
    for job in map(job_of, records):
        error = job.error or {}
        rows.append(
            {
                "id": job.id,
                "action": job.action,
                "queue": job.queue,
                "attempts": job.attempts,
                "ended": job.ended,
                "error": error.get("message"),
                "type": error.get("type"),
                "inputs": job.inputs,
            }
        )
    write_rows(
        rows,
        {"id": "Job", "action": "Action", "attempts": "Attempts", "error": "Error"},
        format_,
    )


@tasks.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@click.pass_obj
def retry(context: CommandContext, ids: tuple[str, ...], every: bool) -> None:
    """Run dead letters again, with their counters reset. Prints how many there were."""
    _for_each(context, ids, every, "retry")


@tasks.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@click.pass_obj
def discard(context: CommandContext, ids: tuple[str, ...], every: bool) -> None:
    """Delete dead letters. Prints how many there were."""
    _for_each(context, ids, every, "discard")


def _queue_rows(counts: Iterable[QueueCounts], paused: Iterable[str]) -> list[dict[str, Any]]:
    # A paused queue is listed even if it has no jobs.
    queues = {name: QueueCounts(name) for name in paused} | {each.queue: each for each in counts}
    rows = [dataclasses.asdict(queues[name]) for name in sorted(queues)]
    for row in rows:
        oldest = row.pop("oldest_ms")
        row["oldest_seconds"] = None if oldest is None else oldest / 1000
        row["paused"] = row["queue"] in paused
    return rows


def _worker_rows(loads: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"worker": worker_id, "running": count} for worker_id, count in sorted(loads.items())]


def _schedule_rows(app: Application, now: int) -> list[dict[str, Any]]:
    return [
        {
            "action": schedule.name,
            "every_seconds": every.total_seconds() if (every := schedule.task.every) else None,
            "cron": schedule.task.cron,
            "timezone": schedule.task.timezone,
            "queue": schedule.task.queue,
            "next": datetime.fromtimestamp(schedule.times.after(now) / 1000, UTC).isoformat(),
        }
        for schedule in schedules_of(app)
    ]


def _actor_rows() -> list[dict[str, Any]]:
    """Return the actors of dramatiq; none if the application has not imported it."""
    if not is_imported():
        return []
    return [
        {
            "actor": actor.actor_name,
            "queue": actor.queue_name,
            "priority": actor.priority,
            "options": ", ".join(f"{name}={value}" for name, value in actor.options.items()),
        }
        for actor in sorted(declarations().actors.values(), key=lambda actor: actor.actor_name)
    ]


def _for_each(context: CommandContext, ids: tuple[str, ...], every: bool, operation: str) -> None:
    if bool(ids) == every:
        raise click.UsageError("pass the ids of jobs, or --all")
    app = context.load_app()

    def apply(store: JobInspection) -> tuple[int, list[str]]:
        done = 0
        missing = []
        count = sum(counts.dead for counts in store.counts()) if every else len(ids)
        with _progress(count) as advance:
            for id in ids:
                if getattr(store, operation)(id):
                    done += 1
                else:
                    missing.append(id)
                advance(1)
            if every:
                done = change_all_dead(store, operation, advance)
        return done, missing

    with audited(app, context, f"tasks.{operation}", {"jobs": "all" if every else ids}) as facts:
        done, missing = use_store(app, apply)
        facts["count"] = done
    click.echo(str(done))
    for id in missing:
        click.echo(f"unknown dead letter {id!r}", err=True)
    if missing:
        sys.exit(1)


def change_all_dead(store: JobInspection, operation: str, advance: Callable[[int], None]) -> int:
    """Retry or discard all dead letters, and return how many there were.

    In pages, the newest first, so that a job that fails again meanwhile is not retried twice.

    Args:
        store: The store.
        operation: `retry` or `discard`.
        advance: Called with the number of jobs of each page.
    """
    done, before = 0, None
    while records := store.jobs(JobState.DEAD, before=before):
        before = records[-1].seq
        done += sum(getattr(store, operation)(record.id) for record in records)
        advance(len(records))
    return done


@contextlib.contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal, if `count` is large."""
    if count < _PROGRESS_BAR_MIN or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=count, file=sys.stderr) as bar:
        yield bar.update
