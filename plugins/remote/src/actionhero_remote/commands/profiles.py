"""`actionhero login`, `logout` and `profiles`: servers, and the credentials for them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from actionhero import TypedError
from actionhero.cli import format_option, write_error, write_rows
from actionhero.transport import new_identifier, run_interruptible
from actionhero_remote.commands.server import exit_with
from actionhero_remote.commands.sign_in import sign_in
from actionhero_remote.credentials import Credential
from actionhero_remote.errors import ErrorResponse
from actionhero_remote.profiles import Profile, ProfileFile, check_name
from actionhero_remote.selection import ServerSelection
from actionhero_remote.server_url import ServerUrl

#: The name of a profile by default.
DEFAULT = "default"


@click.command()
@click.argument("name", required=False, default=DEFAULT)
@click.option("--url", metavar="URL", envvar="ACTIONHERO_URL", help="The URL of the server.")
@click.option(
    "--ca-file",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False),
    help="Trust only the authorities whose certificates are in this file.",
)
@click.option(
    "--allow-http",
    is_flag=True,
    help="Send the token without encryption, also if the server is another machine.",
)
@click.option(
    "--sign-in",
    "action",
    metavar="ACTION",
    help="Call this action with its inputs, and store its session instead of a token.",
)
@click.pass_context
def login(
    context: click.Context,
    name: str,
    url: str | None,
    ca_file: str | None,
    allow_http: bool,
    action: str | None,
) -> None:
    """Store the URL and the token of a server as the profile NAME.

    The token is asked for on a terminal; otherwise it is the first line of stdin. It is stored in
    the keyring of the system if actionhero-remote[keyring] is installed, otherwise in a file that
    only you can read. Without NAME, the profile is called 'default'.

    With --sign-in, the inputs of the action are asked for instead; without a terminal, stdin is a
    JSON object with them.
    """
    profiles = ProfileFile()
    previous = profiles.find(check_name(name))
    is_option = context.get_parameter_source("url") is ParameterSource.COMMANDLINE
    if previous is not None and not is_option:
        # The variable selects the server of calls, and must not receive the token of the profile.
        if url and str(ServerUrl.parse(url, "ACTIONHERO_URL")) != str(previous.server_url):
            raise click.UsageError(
                f"the profile {name!r} is for {previous.url}, and ACTIONHERO_URL is another "
                f"server, {url}; select one of them with --url"
            )
        url, ca_file = previous.url, ca_file or previous.ca_file
        allow_http = allow_http or previous.allow_http
    if not url:
        raise click.UsageError("--url is missing")
    server_url = ServerUrl.parse(url, "--url")
    selection = ServerSelection(server_url, None, ca_file, allow_http, name)
    try:
        if action is not None:
            credential = sign_in(selection, action)
        else:
            credential = Credential.token(_read_token(), "stdin")
            run_interruptible(_check(replace(selection, credential=credential)))
    except ErrorResponse as error:
        exit_with(error, None)
    except TypedError as error:
        write_error(error, new_identifier())
    profile, reason = profiles.save(
        Profile(
            name,
            str(server_url),
            ca_file=str(Path(ca_file).absolute()) if ca_file else None,
            allow_http=allow_http,
            kind=credential.kind,
            cookie=credential.name,
        ),
        credential.value,
    )
    place = "the system's keyring" if profile.store == "keyring" else str(profiles.path)
    click.echo(f"stored the profile {name!r} for {server_url} in {place}", err=True)
    if reason:
        click.echo(f"the system's keyring is not used: {reason}", err=True)


@click.command()
@click.argument("name", required=False, default=DEFAULT)
def logout(name: str) -> None:
    """Remove the profile NAME and its token."""
    ProfileFile().remove(check_name(name))
    click.echo(f"removed the profile {name!r}", err=True)


@click.command()
@format_option
def profiles(format_: str) -> None:
    """List the profiles of servers, without their tokens."""
    write_rows(
        [
            {
                "name": profile.name,
                "url": profile.url,
                "credentials": profile.kind,
                "store": profile.store,
                "ca_file": profile.ca_file,
                "allow_http": profile.allow_http,
            }
            for profile in ProfileFile().all()
        ],
        {"name": "Name", "url": "URL", "credentials": "Credentials", "store": "Stored in"},
        format_,
    )


def _read_token() -> str:
    """Return the token: from a prompt that does not show it, or the first line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True, err=True))
    return sys.stdin.readline()


async def _check(selection: ServerSelection) -> None:
    async with selection.connect() as server:
        await server.check_credential(await server.document())
