"""`actionhero auth keys …`: creates, lists and revokes API keys."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from actionhero import ConfigurationError, InvalidInput, ServiceUnavailable, UnavailableError
from actionhero.cli import (
    EXIT_FAILED,
    UserType,
    audited,
    reserve_stdout,
    write_json,
    write_rows,
)
from actionhero.settings import parse_duration
from actionhero.transport import run_interruptible
from actionhero_auth.api_keys.key_service import ApiKeys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import App
    from actionhero.cli import CommandContext
    from actionhero_auth.api_keys.records import ApiKey

Result = TypeVar("Result")

_COLUMNS: Final = {
    "id": "Key",
    "name": "Name",
    "user": "User",
    "scopes": "Scopes",
    "state": "State",
    "expires_at": "Expires",
    "last_used_at": "Last use",
}

#: The largest number of rows that every database takes.
_MAX_LIMIT: Final = 2**31 - 1

_format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    help="A table for people, or JSON for programs. [default: a table on a terminal, else JSON]",
)


class _Duration(click.ParamType[timedelta]):
    """A positive duration, such as `90d`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        duration = value if isinstance(value, timedelta) else parse_duration(str(value))
        if isinstance(duration, str) or duration <= timedelta(0):
            self.fail(f"{value!r} is not a duration such as 12h or 90d", param, ctx)
        return duration


@click.group(short_help="Create, list and revoke API keys.")
def auth() -> None:
    """Manage the credentials of this application."""


@auth.group(short_help="Create, list and revoke API keys.")
def keys() -> None:
    """Create, list and revoke API keys.

    Clients send a key as "Authorization: Bearer KEY", or in the header of auth.api_key_header.
    """


@keys.command()
@click.option("--user", type=UserType(), required=True, help="The user: 7, or a name as text.")
@click.option("--name", required=True, help="A name by which the key is recognized.")
@click.option("--scope", "scopes", multiple=True, help="A scope of the key. Can be repeated.")
@click.option("--all-scopes", is_flag=True, help="Do not limit the key by scopes.")
@click.option(
    "--expires",
    type=_Duration(),
    metavar="DURATION",
    help="The time after which it is refused, such as 90d. [default: it does not expire]",
)
@click.option("--service", is_flag=True, help="It is of a program that acts for itself.")
@_format_option
@click.pass_obj
def create(
    context: CommandContext,
    user: Any,
    name: str,
    scopes: tuple[str, ...],
    all_scopes: bool,
    expires: timedelta | None,
    service: bool,
    format_: str | None,
) -> None:
    """Create a key, and print it: it cannot be read again."""
    if bool(scopes) == all_scopes:
        raise click.UsageError("pass the scopes of the key with --scope, or --all-scopes")

    app = _load(context)
    facts = {"owner": user, "name": name, "scopes": None if all_scopes else scopes}

    async def run(api_keys: ApiKeys) -> Any:
        with audited(app, context, "credential_creation", facts) as details:
            created = await api_keys.create(
                user,
                name,
                scopes=None if all_scopes else scopes,
                expires_in=expires,
                kind="service" if service else "user",
                recorded=False,
            )
            details["key"] = created.api_key.id
            return created

    try:
        created = _run(app, run)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    row = {"key": created.secret, **_row(created.api_key)}
    if _is_json(format_):
        write_json(row)
        return
    write_rows([row], {"id": "Key", "name": "Name", "user": "User", "scopes": "Scopes"}, "table")
    click.echo()
    click.echo(created.secret)
    click.echo("Store it now: it cannot be read again.", err=True)


@keys.command("list")
@click.option("--user", type=UserType(), help="Only those of this user: 7, or a name as text.")
@click.option("--revoked", is_flag=True, help="Also those that are revoked.")
@click.option(
    "--limit", type=click.IntRange(1, _MAX_LIMIT), default=100, show_default=True, help="How many."
)
@click.option("--after", metavar="ID", help="Only those that are older than this one.")
@_format_option
@click.pass_obj
def list_keys(
    context: CommandContext,
    user: Any,
    revoked: bool,
    limit: int,
    after: str | None,
    format_: str | None,
) -> None:
    """List the keys, the newest first, without their secrets."""
    options: dict[str, Any] = {"with_revoked": revoked, "limit": limit, "after": after}
    if user is not None:
        options["user"] = user

    async def run(api_keys: ApiKeys) -> list[ApiKey]:
        return await api_keys.list(**options)

    try:
        rows = [_row(api_key) for api_key in _run(_load(context), run)]
    except InvalidInput as error:
        raise click.UsageError(f"{error}; 'actionhero auth keys list' lists them") from error
    if _is_json(format_):
        write_json(rows)
    else:
        write_rows(
            [{**row, "scopes": _scopes_text(row["scopes"])} for row in rows], _COLUMNS, "table"
        )


@keys.command()
@click.argument("ids", nargs=-1, metavar="ID...", required=True)
@click.pass_obj
def revoke(context: CommandContext, ids: tuple[str, ...]) -> None:
    """Revoke keys at once, in all processes. Exits 1 if one of them is unknown.

    Prints how many were revoked.
    """
    app = _load(context)

    unknown: list[str] = []
    failures: list[str] = []

    async def run(api_keys: ApiKeys) -> None:
        for id in ids:
            try:
                with audited(app, context, "credential_revocation", {"key": id}) as details:
                    details["known"] = await api_keys.revoke(id, recorded=False)
            except ServiceUnavailable as error:
                # The others are revoked all the same.
                failures.append(error.message)
            else:
                if not details["known"]:
                    unknown.append(id)

    _run(app, run)
    click.echo(str(len(ids) - len(unknown) - len(failures)))
    for id in unknown:
        click.echo(f"unknown API key {id!r}; 'actionhero auth keys list' lists them", err=True)
    if failures:
        raise UnavailableError("; ".join(dict.fromkeys(failures)))
    if unknown:
        sys.exit(EXIT_FAILED)


def _load(context: CommandContext) -> App:
    """Load the application.

    Raises:
        ConfigurationError: It does not accept API keys.
        PluginError: It has problems.
    """
    app = context.load_app()
    if not app.has(ApiKeys):
        raise ConfigurationError(
            "this application has no API keys: auth.api_keys is false, or there is no database; "
            "pip install actionhero-auth[keys], and remove db from plugins.disabled"
        )
    return app


def _run(app: App, function: Callable[[ApiKeys], Awaitable[Result]]) -> Result:
    """Call `function` with the keys of the started application.

    Raises:
        UnavailableError: The database, or Redis, is not available.
    """

    async def run() -> Result:
        await app.start()
        try:
            return await function(app.get(ApiKeys))
        finally:
            await app.stop()

    from tortoise.exceptions import DBConnectionError  # noqa: PLC0415 - slow, and not for --help

    try:
        with reserve_stdout():
            return run_interruptible(run())
    except ServiceUnavailable as error:
        raise UnavailableError(error.message) from error
    except DBConnectionError as error:
        raise UnavailableError(f"the database cannot be used: {error}") from error


def _is_json(format_: str | None) -> bool:
    return format_ == "json" or (format_ is None and not sys.stdout.isatty())


def _row(api_key: ApiKey) -> dict[str, Any]:
    return {
        "id": api_key.id,
        "name": api_key.name,
        "user": api_key.user,
        "kind": api_key.kind,
        "scopes": None if api_key.scopes is None else list(api_key.scopes),
        "state": api_key.state,
        **{
            name: None if (time := getattr(api_key, name)) is None else time.isoformat()
            for name in ("created_at", "expires_at", "last_used_at", "revoked_at")
        },
    }


def _scopes_text(scopes: list[str] | None) -> Any:
    return "all" if scopes is None else scopes
