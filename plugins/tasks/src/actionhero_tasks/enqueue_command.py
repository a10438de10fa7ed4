"""`actionhero enqueue NAME --field value …`: an action as a job, from the shell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from actionhero import TypedError
from actionhero.cli import ActionGroup, loaded_app, write_error
from actionhero.transport import TextPayload, new_identifier, run_interruptible
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application


class EnqueueGroup(ActionGroup):
    """`enqueue` with a command for each action."""

    def take(self, context: click.Context, name: str, text: Mapping[str, list[Any]]) -> None:
        """Enqueue the action, and print the id of the job."""
        app = loaded_app(context)
        try:
            id = run_interruptible(_enqueue(app, name, text, context.meta["how"]))
        except TypedError as error:
            write_error(error, new_identifier())
        click.echo(id)


@click.group(cls=EnqueueGroup, subcommand_metavar="NAME [--FIELD VALUE]...")
@click.option("--delay", type=float, metavar="SECONDS", help="How long it waits at least.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    metavar="TIME",
    help="When it runs at the earliest, such as 2026-05-01T08:00+02:00.",
)
@click.option("--queue", help="Where it waits.  [default: the action's own]")
@click.option("--priority", type=int, help="The lower, the sooner.")
@click.option("--key", help="Of jobs with one key, only the first is enqueued for a while.")
@click.pass_context
def enqueue(
    context: click.Context,
    delay: float | None,
    at: datetime | None,
    queue: str | None,
    priority: int | None,
    key: str | None,
) -> None:
    """Let the action NAME run as a job; the id of the job goes to stdout.

    Options of this command stand before NAME, the action's own inputs after it.
    `actionhero enqueue NAME --help` lists them. A worker runs it, or a server that does.

    Exit codes: 0 it is enqueued; 2 wrong usage; 65 invalid inputs; 69 the store of jobs cannot be
    reached; 78 settings or plugins are wrong.
    """
    if delay is not None and at is not None:
        raise click.UsageError("--delay and --at are given, and only one can be")
    context.meta["how"] = {
        "delay": None if delay is None else timedelta(seconds=delay),
        "at": at,
        "queue": queue,
        "priority": priority,
        "key": key,
    }


async def _enqueue(
    app: Application, name: str, text: Mapping[str, list[Any]], how: Mapping[str, Any]
) -> str:
    # Nothing else that the application has is started for it.
    tasks = Tasks(app)
    try:
        return await tasks.enqueue(name, TextPayload(text), **how)
    finally:
        tasks.close()
