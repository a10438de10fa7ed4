"""`actionhero mcp …`: serves, lists, calls and compares the tools of agents."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionhero import TypedError
from actionhero.cli import (
    EXIT_CONFIGURATION,
    EXIT_FAILED,
    escape,
    format_option,
    reserve_stdout,
    write_error,
    write_json,
    write_rows,
)
from actionhero.transport import new_identifier, run_interruptible
from actionhero_mcp.catalog import Catalog, catalog_for
from actionhero_mcp.client_configuration import CLIENTS, configuration_for, write_configuration
from actionhero_mcp.comparison import changes_between, definitions_of, parse_definitions
from actionhero_mcp.revisions import MODERN, REVISIONS
from actionhero_mcp.signing import digest
from actionhero_mcp.warnings import warnings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero.cli import CommandContext
    from actionhero.transport import RegisteredAction

_COLUMNS = {"kind": "Kind", "name": "Name", "title": "Title", "action": "Action", "hints": "Hints"}


@click.group()
def mcp() -> None:
    """Serve, list, call and compare the tools, resources and prompts of agents."""


@mcp.command("list")
@format_option
@click.option("--digest", "is_digest", is_flag=True, help="Print a digest of the definitions.")
@click.pass_obj
def list_(context: CommandContext, format_: str, is_digest: bool) -> None:
    """List the tools, resources and prompts; as JSON with all that clients see."""
    catalog = catalog_for(context.load_app())
    for text in warnings_of(catalog):
        click.echo(f"Warning: {text}", err=True)
    if is_digest:
        click.echo(digest(definitions_of(catalog)))
    elif format_ == "json":
        write_json(definitions_of(catalog))
    else:
        write_rows(_rows(catalog), _COLUMNS, "table")


@mcp.command()
@click.argument("tool")
@click.pass_obj
def inspect(context: CommandContext, tool: str) -> None:
    """Print the definition of TOOL as clients see it, and its size."""
    catalog = catalog_for(context.load_app())
    offered = catalog.tools.get(tool)
    if offered is None:
        names = ", ".join(catalog.tools) or "none"
        raise click.UsageError(f"there is no tool {tool!r} (available: {names})")
    definition = offered.definition(REVISIONS[MODERN[0]])
    write_json(definition)
    click.echo(f"{len(json.dumps(definition))} bytes", err=True)


@mcp.command()
@click.argument("tool")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "is_json", is_flag=True, help="Print the result as clients see it.")
@click.pass_obj
def call(context: CommandContext, tool: str, arguments: tuple[str, ...], is_json: bool) -> None:
    """Call TOOL as an agent would. Values are JSON, or else text.

    Control characters in the texts of the result are escaped; --json has all of them.

    Exit codes: 0 success; 1 the tool failed; 2 invalid usage; 78 invalid settings or plugins.
    """
    app = context.load_app()
    values = dict(map(_argument, arguments))
    principal = context.connection().principal
    try:
        with reserve_stdout():
            result = run_interruptible(_call(app, tool, values, principal))
    except TypedError as error:
        write_error(error, new_identifier())
    if is_json:
        write_json(result)
    else:
        for block in result.get("content", ()):
            text = block.get("text", f"({block['type']})")
            # Texts of strangers must not control the terminal.
            click.echo("\n".join(map(escape, text.split("\n"))))
    if result.get("isError") or result["resultType"] != "complete":
        sys.exit(EXIT_FAILED)


@mcp.command()
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A file with the output of mcp list --format json.",
)
@click.pass_obj
def check(context: CommandContext, against: Path) -> None:
    """Compare the definitions with an earlier list, and exit with 1 if they differ.

    Clients and people have approved the tools that they know: a changed description or schema
    changes the behavior of a model, without a question.
    """
    try:
        earlier = parse_definitions(against.read_text("utf-8"))
    except (OSError, ValueError) as error:
        click.echo(f"Error: {against} is no list of definitions: {error}", err=True)
        sys.exit(EXIT_CONFIGURATION)
    changes = changes_between(earlier, definitions_of(catalog_for(context.load_app())))
    for change in changes:
        click.echo(change)
    if changes:
        sys.exit(EXIT_FAILED)


@mcp.command()
@click.argument("client", type=click.Choice(CLIENTS))
@click.option("--url", help="The URL of the endpoint.  [default: mcp.url, or this machine]")
@click.option("--stdio", "is_stdio", is_flag=True, help="Start the application for each client.")
@click.option("--write", is_flag=True, help="Write the file instead of printing it.")
@click.pass_obj
def install(
    context: CommandContext, client: str, url: str | None, is_stdio: bool, write: bool
) -> None:
    """Print the configuration for CLIENT, or write it to its file."""
    app = context.load_app()
    path, document = configuration_for(app, client, url, is_stdio=is_stdio)
    if write:
        write_configuration(path, document)
        click.echo(f"wrote {path}", err=True)
        return
    click.echo(f"# {path}", err=True)
    click.echo(json.dumps(document, indent=2))


@mcp.command()
@click.option(
    "--all", "every_action", is_flag=True, help="Offer every action as a tool, for an operator."
)
@click.pass_obj
def stdio(context: CommandContext, every_action: bool) -> None:
    """Serve one client over the standard streams, until the end of its input.

    The calls are those of the user of --as-user, or of an operator without a session.
    """
    from actionhero_mcp.standard_streams import serve_stdio

    with reserve_stdout() as stdout:
        app = context.load_app()
        catalog = Catalog(app, every_action=True) if every_action else catalog_for(app)
        serve_stdio(app, catalog, stdout.fileno(), context.connection().principal)


async def _call(
    app: Application, tool: str, values: dict[str, Any], principal: Any
) -> dict[str, Any]:
    from actionhero_mcp.testing import client_of

    await app.start()
    try:
        client = client_of(app, principal)
        return await client.request("tools/call", {"name": tool, "arguments": values})
    finally:
        await asyncio.shield(app.stop())


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="'[KEY=VALUE]...'")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _rows(catalog: Catalog) -> list[dict[str, Any]]:
    rows = [
        _row("tool", tool.name, tool.action, [name for name, value in tool.hints.items() if value])
        for tool in catalog.tools.values()
    ]
    resources = {**catalog.resources, **catalog.templates}
    rows += [_row("resource", uri, resource.action) for uri, resource in resources.items()]
    rows += [_row("prompt", name, prompt.action) for name, prompt in catalog.prompts.items()]
    return rows


def _row(
    kind: str, name: str, action: RegisteredAction, hints: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "title": action.summary,
        "action": action.name,
        "hints": [hint.removesuffix("Hint") for hint in hints],
    }
