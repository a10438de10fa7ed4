"""`actionhero oauth`: lists clients and grants, and ends grants."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from actionhero.cli import EXIT_FAILED, UserType, audited, format_option, write_rows
from actionhero_oauth.authorization_server import AuthorizationServer, authorization_server_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero.cli import CommandContext

Result = TypeVar("Result")

_GRANTS: Final = {
    "id": "Grant",
    "user": "User",
    "client": "Client",
    "scopes": "Scopes",
    "resource": "Resource",
    "created": "Created",
}
_CLIENTS: Final = {"id": "Client", "name": "Name", "kind": "Kind", "grants": "Grants"}


@click.group(short_help="List or end the grants of users to clients.")
def oauth() -> None:
    """List clients and grants of the authorization server, and end grants."""


@oauth.command()
@click.option("--user", type=UserType(), help="Only those of this user: 7, or a name as text.")
@format_option
@click.pass_obj
def grants(context: CommandContext, user: Any, format_: str) -> None:
    """List the grants, the newest first; at most 1,000."""

    async def load(server: AuthorizationServer) -> Any:
        return await (server.grants.newest() if user is None else server.grants.of_user(user))

    rows = [
        {
            "id": grant.id,
            "user": grant.user,
            "client": grant.client_name,
            "scopes": " ".join(sorted(grant.scopes)),
            "resource": grant.resource,
            "created": grant.created.isoformat(timespec="seconds"),
        }
        for grant in _run(context.load_app(), load)
    ]
    write_rows(rows, _GRANTS, format_)


@oauth.command()
@format_option
@click.pass_obj
def clients(context: CommandContext, format_: str) -> None:
    """List the clients that the settings name, and those with a grant."""

    async def load(server: AuthorizationServer) -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {
            item.id: {"id": item.id, "name": item.name, "kind": "known", "grants": 0}
            for item in server.settings.clients
        }
        for grant in await server.grants.newest():
            kind = "document" if grant.client_id.startswith("https://") else "registered"
            row = rows.setdefault(
                grant.client_id,
                {"id": grant.client_id, "name": grant.client_name, "kind": kind, "grants": 0},
            )
            row["grants"] += 1
        return list(rows.values())

    write_rows(_run(context.load_app(), load), _CLIENTS, format_)


@oauth.command()
@click.argument("grant")
@click.pass_obj
def revoke(context: CommandContext, grant: str) -> None:
    """End a grant: its tokens are refused within a second. Exits 1 if it does not exist."""
    app = context.load_app()

    async def end(server: AuthorizationServer) -> bool:
        with audited(app, context, "credential_revocation", {"grant": grant}) as details:
            ended = await server.end(grant, recorded=False)
            details["known"] = ended is not None
            if ended is not None:
                details |= {"owner": ended.user, "client": ended.client_id}
        return ended is not None

    if not _run(app, end):
        click.echo(f"unknown grant {grant!r}; it may have ended", err=True)
        sys.exit(EXIT_FAILED)
    click.echo(grant)


def _run(app: Application, function: Callable[[AuthorizationServer], Awaitable[Result]]) -> Result:
    """Call `function` with the authorization server, without starting the application.

    Raises:
        UnavailableError: Redis is unreachable, or its data is in the memory of a server.
    """
    from actionhero_redis import (  # noqa: PLC0415 - imports redis-py
        RedisClients,
        run_with_redis,
    )

    def run(clients: RedisClients) -> Awaitable[Result]:
        app.provide(RedisClients, clients)
        return function(authorization_server_for(app))

    return run_with_redis(app, run, "the grants")
