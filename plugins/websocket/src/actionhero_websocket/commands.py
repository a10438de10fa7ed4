"""`actionhero connections`: lists the live connections, and closes them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from actionhero.cli import (
    EXIT_FAILED,
    UserType,
    audited,
    format_option,
    write_rows,
)
from actionhero_websocket.connections.connections import Connections
from actionhero_websocket.protocol import frames
from actionhero_websocket.settings import WebSocketSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero.cli import CommandContext

Result = TypeVar("Result")

_COLUMNS: Final = {
    "id": "Connection",
    "user": "User",
    "remote": "Address",
    "since": "Since",
    "transport": "Transport",
    "process": "Process",
}


@click.group(invoke_without_command=True, short_help="List the live connections, or close them.")
@click.option("--user", type=UserType(), help="Only those of this user: 7, or a name as text.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--after", metavar="ID", help="Only those that connected after this one.")
@format_option
@click.pass_context
def connections(
    context: click.Context, user: Any, limit: int, after: str | None, format_: str
) -> None:
    """List the live connections of all processes, the oldest first; or close them."""
    if context.invoked_subcommand is not None:
        return
    page = _run(context.obj.load_app(), lambda all_: all_.list(user, limit=limit, after=after))
    rows = [
        {name: getattr(info, name) for name in _COLUMNS} | {"since": info.since.isoformat()}
        for info in page
    ]
    write_rows(rows, _COLUMNS, format_)


@connections.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--user", type=UserType(), help="All connections of this user: 7, or a name as text.")
@click.option(
    "--code",
    type=int,
    default=frames.POLICY_VIOLATION,
    show_default=True,
    help="The close code: 1000, 1001, 1008, or 3000 to 4999.",
)
@click.option("--reason", default="", help="The reason for the client.")
@click.pass_obj
def close(context: CommandContext, ids: tuple[str, ...], user: Any, code: int, reason: str) -> None:
    """Close connections. Prints how many there were; exits 1 if one of the ids is unknown."""
    if bool(ids) == (user is not None):
        raise click.UsageError("pass the ids of connections, or --user")
    try:
        frames.check_code(code)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--code'") from error

    async def apply(all_: Connections) -> tuple[int, list[str]]:
        if user is not None:
            return await all_.close_user(user, code, reason), []
        unknown = [id for id in ids if not await all_.close(id, code, reason)]
        return len(ids) - len(unknown), unknown

    app = context.load_app()
    details = {"connections": list(ids)} if ids else {"user": user}
    with audited(app, context, "websocket.close", details) as facts:
        count, unknown = _run(app, apply)
        facts["count"] = count
    click.echo(str(count))
    for id in unknown:
        click.echo(f"unknown connection {id!r}; its client may be disconnected", err=True)
    if unknown:
        sys.exit(EXIT_FAILED)


def _run(app: Application, function: Callable[[Connections], Awaitable[Result]]) -> Result:
    """Call `function` with the connections, without starting the application.

    Raises:
        UnavailableError: Redis is unreachable, or the connections are in the memory of a server.
    """
    from actionhero_redis import run_with_redis  # noqa: PLC0415 - imports redis-py

    ttl = app.get(WebSocketSettings).connection_ttl
    return run_with_redis(
        app, lambda clients: function(Connections(lambda: clients, ttl)), "the connections"
    )
