"""`actionhero tasks pause` and `actionhero tasks resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from actionhero.cli import audited
from actionhero_tasks.commands.store_access import use_store

if TYPE_CHECKING:
    from actionhero.cli import CommandContext


@click.command()
@click.argument("queue")
@click.pass_obj
def pause(context: CommandContext, queue: str) -> None:
    """Pause a queue: until it is resumed, no worker claims its jobs. Running jobs go on."""
    app = context.load_app()
    with audited(app, context, "tasks.pause", {"queue": queue}):
        changed = use_store(app, lambda store: store.pause_queue(queue))
    if not changed:
        click.echo(f"queue {queue!r} is paused already", err=True)


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
