"""The commands of the console: `actionhero console password` and `audit`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from actionhero.cli import format_option, loaded_app, write_rows

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group()
def console() -> None:
    """Hash passwords of operators, and read their audit log."""


@console.command()
def password() -> None:
    """Write the hash of a password, for `password_hash` in console.operators.

    The password is asked for; if stdin is not a terminal, it is the first line of stdin.
    """
    from actionhero_console.passwords import hash_password

    if sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise click.UsageError("the password is empty; write it to stdin, or use a terminal")
    click.echo(hash_password(text))


@console.command()
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="The maximum number of entries.",
)
@format_option
@click.pass_context
def audit(context: click.Context, limit: int, format_: str) -> None:
    """List the acts of operators in the console, the newest first."""
    rows = [{**entry, **_summary(entry)} for entry in read_audit(context, limit)]
    columns = {
        "at": "Time",
        "operator": "Operator",
        "act_name": "Act",
        "on": "Target",
        "outcome": "Outcome",
        "remote": "Address",
    }
    write_rows(rows, columns, format_)


def read_audit(context: click.Context, limit: int) -> Sequence[dict[str, Any]]:
    """Return the newest entries of the audit log."""
    from actionhero_console.audit import AuditTrail
    from actionhero_redis import RedisClients, run_with_redis

    app = loaded_app(context)

    async def read(clients: RedisClients) -> list[dict[str, Any]]:
        return await AuditTrail(app, clients).entries(count=limit)

    return run_with_redis(app, read, "the audit log of the console")


def _summary(entry: dict[str, Any]) -> dict[str, str]:
    """Return the columns of the table that are not in an entry."""
    moment = datetime.fromtimestamp(entry.get("time", 0) / 1000, UTC)
    act = f"{entry['panel']}.{entry['change']}" if "panel" in entry else entry.get("event", "")
    return {
        "at": moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "act_name": act,
        "on": str(entry.get("target", entry.get("path", ""))),
    }
