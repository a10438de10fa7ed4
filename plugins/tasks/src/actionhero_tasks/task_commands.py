"""`actionhero tasks …`: queues, and dead letters."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.table import format_option, write_rows
from actionhero_tasks.command_line import ask_store, load_app
from actionhero_tasks.job import JobState
from actionhero_tasks.reports import job_of
from actionhero_tasks.scheduler import schedules_of

if TYPE_CHECKING:
    from actionhero.cli import CommandContext
    from actionhero_tasks.store import JobStore


@click.group(invoke_without_command=True, short_help="Look at queues and dead letters.")
@format_option
@click.pass_context
def tasks(context: click.Context, format_: str) -> None:
    """List the queues, and how many jobs of each there are; or look after dead letters."""
    if context.invoked_subcommand is not None:
        return
    app = load_app(context.obj)
    counts = ask_store(app, lambda store: store.counts())
    rows = [dataclasses.asdict(row) for row in counts]
    for row in rows:
        oldest = row.pop("oldest_ms")
        row["oldest_seconds"] = None if oldest is None else oldest / 1000
    write_rows(
        rows,
        {
            "queue": "Queue",
            "ready": "Ready",
            "running": "Running",
            "delayed": "Delayed",
            "retrying": "Retrying",
            "dead": "Dead",
            "oldest_seconds": "Oldest (s)",
        },
        format_,
    )


@tasks.command()
@format_option
@click.pass_obj
def workers(context: CommandContext, format_: str) -> None:
    """List the processes that may take jobs now."""
    owners = ask_store(load_app(context), lambda store: store.owners())
    write_rows([{"worker": owner} for owner in owners], {"worker": "Worker"}, format_)


@tasks.command()
@format_option
@click.pass_obj
def schedules(context: CommandContext, format_: str) -> None:
    """List the actions that recur, and when each is due next."""
    app = load_app(context)
    found = schedules_of(app)
    now = ask_store(app, lambda store: store.now_ms())
    rows = [
        {
            "action": schedule.name,
            "every_seconds": every.total_seconds() if (every := schedule.task.every) else None,
            "cron": schedule.task.cron,
            "timezone": schedule.task.timezone,
            "queue": schedule.task.queue,
            "next": datetime.fromtimestamp(schedule.times.after(now) / 1000, UTC).isoformat(),
        }
        for schedule in found
    ]
    write_rows(
        rows,
        {
            "action": "Action",
            "every_seconds": "Every (s)",
            "cron": "Cron",
            "timezone": "Time zone",
            "next": "Next",
        },
        format_,
    )


@tasks.command()
@click.option("--queue", help="Only those of one queue.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@format_option
@click.pass_obj
def dead(context: CommandContext, queue: str | None, limit: int, format_: str) -> None:
    """List the dead letters: jobs that failed for good, the newest first."""
    app = load_app(context)
    records = ask_store(app, lambda store: store.jobs(JobState.DEAD, queue, limit=limit))
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
        {"id": "Job", "action": "Action", "attempts": "Tried", "error": "Error"},
        format_,
    )


@tasks.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@click.pass_obj
def retry(context: CommandContext, ids: tuple[str, ...], every: bool) -> None:
    """Let dead letters run again, as if for the first time. Prints how many there were."""
    _for_each(context, ids, every, "retry")


@tasks.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@click.pass_obj
def discard(context: CommandContext, ids: tuple[str, ...], every: bool) -> None:
    """Forget dead letters. Prints how many there were."""
    _for_each(context, ids, every, "discard")


def _for_each(context: CommandContext, ids: tuple[str, ...], every: bool, verb: str) -> None:
    if bool(ids) == every:
        raise click.UsageError("give the ids of jobs, or --all")
    app = load_app(context)

    def apply(store: JobStore) -> tuple[int, list[str]]:
        done = 0
        missed = []
        for id in ids:
            if getattr(store, verb)(id):
                done += 1
            else:
                missed.append(id)
        before = None
        while every and (records := store.jobs(JobState.DEAD, before=before)):
            # Each once: one that fails again at once would come again for ever.
            before = records[-1].seq
            done += sum(getattr(store, verb)(record.id) for record in records)
        return done, missed

    done, missed = ask_store(app, apply)
    click.echo(str(done))
    for id in missed:
        click.echo(f"there is no dead letter {id!r}", err=True)
    if missed:
        sys.exit(1)
