"""`actionhero tasks pause` and `actionhero tasks resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from actionhero.cli import audited
from actionhero_tasks.commands.store_access import use_store
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from actionhero.cli import CommandContext


@click.command()
@click.argument("queue")
@click.pass_obj
def pause(context: CommandContext, queue: str) -> None:
    """Pause a queue: until it is resumed, no worker claims its jobs. Running jobs go on."""
    app = context.load_app()
    with audited(app, context, "tasks.pause", {"queue": queue}):
        changed, counts = use_store(app, lambda store: (store.pause_queue(queue), store.counts()))
    if not changed:
        click.echo(f"queue {queue!r} is paused already", err=True)
    # Jobs of another program may come later.
    known = {task_of(action).queue for action in app.actions} | {each.queue for each in counts}
    if queue not in known:
        click.echo(
            f"queue {queue!r} is paused, but has no jobs, and no action uses it (in use: "
            f"{', '.join(sorted(known))}); actionhero tasks resume {queue} resumes it",
            err=True,
        )


@click.command()
@click.argument("queue")
@click.pass_obj
def resume(context: CommandContext, queue: str) -> None:
    """Resume a paused queue."""
    app = context.load_app()
    with audited(app, context, "tasks.resume", {"queue": queue}):
        changed = use_store(app, lambda store: store.resume_queue(queue))
    if not changed:
        click.echo(f"queue {queue!r} is not paused", err=True)
