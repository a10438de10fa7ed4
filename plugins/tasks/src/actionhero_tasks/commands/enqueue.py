"""`actionhero enqueue NAME --field value …`: enqueues an action."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from actionhero import NotFound, TypedError
from actionhero.cli import ActionGroup, audited, loaded_app, reserve_stdout, write_error
from actionhero.transport import TextPayload, new_identifier, run_interruptible
from actionhero_tasks.job_options import MAX_DELAY, MAX_PRIORITY
from actionhero_tasks.request_context import operator_principal
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application

#: The key of the options in the metadata of the click context.
OPTIONS = "actionhero_tasks.enqueue"


class EnqueueGroup(ActionGroup):
    """The group `enqueue`, with a command for each action."""

    def handle_action(
        self, context: click.Context, name: str, text: Mapping[str, list[Any]]
    ) -> None:
        """Enqueue the action, and print the id of the job."""
        app = loaded_app(context)
        principal = context.obj.connection().principal
        operator_principal.set(principal)
        recorded: AbstractContextManager[dict[str, Any]] = nullcontext({})
        if principal is not None:
            recorded = audited(app, context.obj, "operator_call", {}, action=name)
        try:
            with reserve_stdout(), recorded as facts:
                id, state = run_interruptible(_enqueue(app, name, text, context.meta[OPTIONS]))
                facts["job"] = id
        except TypedError as error:
            write_error(error, new_identifier())
        if state is not None:
            click.echo(f"no new job: an earlier one with the same key is {state}", err=True)
        try:
            click.echo(id)
        except OSError as error:
            error.add_note(f"the job was enqueued, and its id is {id}")
            raise


@click.group(cls=EnqueueGroup, subcommand_metavar="NAME [--FIELD VALUE]...")
@click.option(
    "--delay", type=float, metavar="SECONDS", help="How long to wait before the job may run."
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    metavar="TIME",
    help="The earliest time to run the job, such as 2026-05-01T08:00+02:00.",
)
@click.option("--queue", help="The queue.  [default: that of the action]")
@click.option(
    "--priority",
    type=click.IntRange(-MAX_PRIORITY, MAX_PRIORITY),
    metavar="INTEGER",
    help="Lower numbers run first.",
)
@click.option(
    "--key", help="A deduplication key: further jobs with it are not enqueued for a while."
)
@click.pass_context
def enqueue(
    context: click.Context,
    delay: float | None,
    at: datetime | None,
    queue: str | None,
    priority: int | None,
    key: str | None,
) -> None:
    """Enqueue the action NAME as a job, and print the id of the job.

    Options of this command precede NAME, the action's inputs follow it.
    `actionhero enqueue NAME --help` lists them. A worker runs the job, or a server that runs jobs.
    If an earlier job has the same key, its id is printed, and its state on stderr.

    Exit codes: 0 success; 2 usage error; 65 invalid inputs; 69 the job store cannot be reached;
    78 invalid settings or plugins.
    """
    if delay is not None and at is not None:
        raise click.UsageError("--delay and --at cannot be combined")
    if delay is not None and not abs(delay) <= MAX_DELAY.total_seconds():
        raise click.BadParameter(f"should be at most {MAX_DELAY.days} days", param_hint="'--delay'")
    context.meta[OPTIONS] = {
        "delay": None if delay is None else timedelta(seconds=delay),
        "at": at,
        "queue": queue,
        "priority": priority,
        "key": key,
    }


async def _enqueue(
    app: Application, name: str, text: Mapping[str, list[Any]], options: Mapping[str, Any]
) -> tuple[str, str | None]:
    """Enqueue an action; return the id of the job, and the state of one that is not new."""
    # The application is not started.
    tasks = Tasks(app)
    try:
        id = await tasks.enqueue(name, TextPayload(text), **options)
        if id.is_new:
            return id, None
        try:
            return id, (await tasks.job(id)).state
        except NotFound:
            return id, "no longer stored"
    finally:
        tasks.close()
